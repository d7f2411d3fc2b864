"""The layers of Sealgate as a table, and what in a module's source breaks them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = "sealgate"
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"__main__"}),
    frozenset({"cli"}),
    frozenset({"web"}),
    frozenset({"node"}),
    frozenset({"spool", "audit"}),
    frozenset({"sql"}),
    frozenset({"library"}),
    frozenset({"files"}),
    frozenset({"policy"}),
    frozenset({"verification"}),
    frozenset({"trust", "timestamp"}),
    frozenset({"signature"}),
    frozenset({"dicom"}),
    frozenset({"errors"}),
)
"""From the top; imports go down only, and packages in one layer do not import each other."""

ENGINE = frozenset({"dicom", "signature", "timestamp", "trust", "verification", "policy"})
"""What opens no socket and no database, reads no clock and draws no random numbers."""
OUTSIDE_ENGINE = frozenset({"sealgate.timestamp.client", "sealgate.trust.fetch"})
"""Modules in those packages that are its shell: they talk to a Time Stamping Authority, and to OCSP responders."""
FACE = frozenset({"__main__", "cli", "web", "node"})
"""Who may use the public face, `sealgate/__init__.py`; to the engine it would be an arrow upwards."""

FORBIDDEN_MODULES = frozenset(
    "socket ssl select selectors asyncore sqlite3 sqlalchemy argparse typer rich pynetdicom urllib http httpx requests"
    " aiohttp subprocess secrets random structlog".split()
)
FORBIDDEN_CALLS = frozenset(
    {
        *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
        *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.sleep"),
        *(
            "os.urandom",
            "os.getrandom",
            "uuid.uuid1",
            "uuid.uuid4",
            "uuid1",
            "uuid4",
            "generate_uid",
            "uid.generate_uid",
        ),
        *("random_serial_number", "x509.random_serial_number", "generate_private_key", "generate_parameters"),
        *("rsa.generate_private_key", "ec.generate_private_key", "dsa.generate_private_key", "dsa.generate_parameters"),
    }
)

_RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}


def modules(source_root: Path) -> Iterator[tuple[str, Path]]:
    """Yield (dotted name, path) of every module of the package, in sorted order."""
    for path in sorted(source_root.rglob("*.py")):
        parts = path.relative_to(source_root.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def violations(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """Return what in `source` of `module` breaks the layers: one sentence each, with the line."""
    tree = ast.parse(source)
    found = [
        f"{module}:{line} imports {imported}: {reason}"
        for line, imported in sorted(_imports(module, tree, is_package=is_package))
        if (reason := _why_not(module, imported)) is not None
    ]
    if _is_engine(module):
        found += [
            f"{module}:{node.lineno} calls {name}: the engine gets time, randomness and keys as arguments"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and (name := _forbidden_call(node)) is not None
        ]
    return found


def _imports(module: str, tree: ast.Module, *, is_package: bool) -> set[tuple[int, str]]:
    """Every import at any depth, as (line, dotted name of module or of the name in it)."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(node.lineno, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, node, is_package=is_package)
            found |= {(node.lineno, f"{origin}.{alias.name}") for alias in node.names}
        elif isinstance(node, ast.Call) and _dotted(node.func) in {"import_module", "importlib.import_module"}:
            name = node.args[0] if node.args else None
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.add((node.lineno, name.value))
    return found


def _origin(module: str, node: ast.ImportFrom, *, is_package: bool) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


def _why_not(module: str, imported: str) -> str | None:
    importer = _package(module)
    top, _, rest = imported.partition(".")
    if top != ROOT:
        if _is_engine(module) and top in FORBIDDEN_MODULES:
            return "the engine does no input or output, and has no clock or randomness"
        return None
    target = rest.partition(".")[0]
    if target in {"__version__", importer}:
        return None
    if importer == "":
        return None if target in ENGINE | {"library", "errors"} else "the public face is that of library and engine"
    if target not in _RANK:
        return None if importer in FACE else "the public face stands above the engine"
    if importer not in _RANK:
        return "its package stands in no layer: add it to the table"
    if _RANK[target] < _RANK[importer]:
        return f"{target} stands above {importer}"
    if _RANK[target] == _RANK[importer]:
        return f"{target} stands beside {importer}"
    return None


def _package(module: str) -> str:
    """The package or top-level module below `sealgate` that `module` belongs to; empty for `sealgate` itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _is_engine(module: str) -> bool:
    return _package(module) in ENGINE and module not in OUTSIDE_ENGINE


def _forbidden_call(node: ast.Call) -> str | None:
    name = _dotted(node.func)
    if name is None:
        return None
    last_two = ".".join(name.split(".")[-2:])
    return name if last_two in FORBIDDEN_CALLS else None


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None
