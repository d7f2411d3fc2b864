"""Imports go down only, and the engine has no input, output, clock or randomness of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import layers

SOURCE = Path(__file__).resolve().parents[2] / "src" / layers.ROOT


def test_no_import_goes_up_and_the_engine_stays_pure() -> None:
    found = [
        violation
        for module, path in layers.modules(SOURCE)
        for violation in layers.violations(
            module, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py"
        )
    ]
    assert not found, "\n".join(found)


def test_every_package_of_the_source_stands_in_a_layer() -> None:
    known = frozenset().union(*layers.LAYERS)
    packages = {path.stem for path in SOURCE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert packages - {"__init__", "__main__", "__pycache__"} <= known


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sealgate.dicom.scan", "from sealgate.signature.mac import stream"),
        ("sealgate.dicom.scan", "from sealgate import node"),
        ("sealgate.dicom.scan", "from ..signature import mac"),
        ("sealgate.dicom.scan", "from sealgate import sign"),
        ("sealgate.errors", "import sealgate.dicom"),
        ("sealgate.spool.jobs", "import sealgate.audit.register"),
        ("sealgate.trust.path", "def f():\n    from sealgate.timestamp.token import Token"),
        ("sealgate.policy.rules", "def f():\n    import importlib\n    importlib.import_module('sealgate.spool.jobs')"),
        ("sealgate.node.service", "from sealgate.cli.exit_codes import ExitCode"),
        ("sealgate", "from sealgate.node import listener"),
        ("sealgate.dicom.scan", "import socket"),
        ("sealgate.policy.rules", "import sqlalchemy.orm"),
        ("sealgate.trust.store", "def f():\n    from urllib.request import urlopen"),
        ("sealgate.signature.sign", "from datetime import UTC, datetime\nnow = datetime.now(UTC)"),
        ("sealgate.signature.sign", "import datetime\ndef f():\n    return datetime.datetime.now()"),
        ("sealgate.signature.sign", "from pydicom.uid import generate_uid\nuid = generate_uid()"),
        ("sealgate.signature.keys", "import os\nsalt = os.urandom(8)"),
        ("sealgate.trust.authority", "from cryptography import x509\nn = x509.random_serial_number()"),
    ],
)
def test_what_breaks_the_layers_is_found(module: str, source: str) -> None:
    assert len(layers.violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sealgate.cli.sign", "from sealgate import __version__, sign"),
        ("sealgate.cli.serve", "from sealgate.node.service import run"),
        ("sealgate.dicom.scan", "from sealgate.dicom import tags"),
        ("sealgate.dicom.scan", "from . import tags"),
        (
            "sealgate.trust.path",
            "from datetime import datetime\ndef f(at: datetime) -> float:\n    return at.timestamp()",
        ),
        ("sealgate.node.service", "import socket, datetime\nnow = datetime.datetime.now(datetime.UTC)"),
        ("sealgate.timestamp.client", "import httpx"),
        ("sealgate", "def __getattr__(name):\n    from sealgate.library.signing import sign"),
    ],
)
def test_what_the_layers_allow_is_not_found(module: str, source: str) -> None:
    assert layers.violations(module, source) == []
