"""Sealgate: a DICOM node that signs, verifies and forwards instances without changing a byte of them."""

from __future__ import annotations

__version__ = "0.1.0"
