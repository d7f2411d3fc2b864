"""Who we say we are in the File Meta Information of what we write (PS3.10 7.1) and in association negotiation."""

from __future__ import annotations

from typing import Final

IMPLEMENTATION_CLASS_UID: Final = "2.25.242900950838825195043469557922566060652"
"""UUID-derived (PS3.5 B.2) and fixed: it names this implementation, not an installation of it."""

IMPLEMENTATION_VERSION_NAME: Final = "SEALGATE_0_1"
"""At most 16 characters; changes with each release that changes what is on the wire."""
