"""Sealgate: a DICOM node that signs, verifies and forwards instances without changing a byte of them.

The library is what stands in `__all__`; each part is imported when it is first used, so one never brings all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealgate.errors import SealgateError
    from sealgate.library.removing import remove
    from sealgate.library.signatures import Signature, Signatures, signatures
    from sealgate.library.signers import load_signer
    from sealgate.library.signing import sign
    from sealgate.library.trusting import trust_store
    from sealgate.library.verifying import verify

__version__ = "0.1.0"

__all__ = [
    "SealgateError",
    "Signature",
    "Signatures",
    "load_signer",
    "remove",
    "sign",
    "signatures",
    "trust_store",
    "verify",
]

_MODULES = {
    "SealgateError": "sealgate.errors",
    "Signature": "sealgate.library.signatures",
    "Signatures": "sealgate.library.signatures",
    "load_signer": "sealgate.library.signers",
    "remove": "sealgate.library.removing",
    "sign": "sealgate.library.signing",
    "signatures": "sealgate.library.signatures",
    "trust_store": "sealgate.library.trusting",
    "verify": "sealgate.library.verifying",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
