"""Who we say we are in association negotiation (PS3.7 D.3.3.2) and in the file meta information (PS3.10 7.1)."""

from __future__ import annotations

from sealgate.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

__all__ = ["IMPLEMENTATION_CLASS_UID", "IMPLEMENTATION_VERSION_NAME"]
