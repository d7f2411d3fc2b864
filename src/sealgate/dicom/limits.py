"""Limits on what the engine reads: every length, depth and count that comes from outside has one here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLimits:
    """Limits of one scan of a data set."""

    max_tokens: int = 4_000_000
    """Elements, items, fragments and delimiters together. An enhanced multi-frame object of 20,000 frames has some
    2 million; the scan of one costs about a microsecond."""
    max_depth: int = 64
    """Nested sequences and items together. The deepest objects of clinical practice (SR, RT) stay below 32."""
    max_top_level_elements: int = 100_000
    """Elements of one data set or item; they are the ones that are held in memory."""


DEFAULT_SCAN_LIMITS = ScanLimits()

MAX_FILE_META_BYTES = 1 << 20
"""File Meta Information; real ones have some 200 bytes, Private Information (0002,0102) may add more."""

MAX_NORMALISED_BYTES = 64 << 20
"""A UI value that has to be rewritten before it is hashed is copied into memory."""

MAX_DISORDERED_TOKENS = 500_000
"""Headers inside a sequence whose elements are out of order: they are held in memory to be sorted, 150 bytes each."""

MAX_SIGNATURE_SEQUENCE_BYTES = 64 << 20
"""MAC Parameters or Digital Signatures Sequence; a signature takes some 2 kB, 16 kB with certificates and token."""

MAX_SIGNATURES = 1000
"""Signatures in one object; each costs a public key operation and a pass over the data set."""

MAX_INFLATED_BYTES = 4 << 30
"""A deflated data set after inflation."""

MAX_INFLATION_RATIO = 200
"""Inflated to deflated size beyond the first MAX_FREE_INFLATION_BYTES; images deflate by 2 to 20."""

MAX_FREE_INFLATION_BYTES = 64 << 20
"""Inflated size up to which the ratio is not looked at: an empty image deflates by almost 1000."""

FREE_HEADERS = 250_000
"""Headers that may be read of a data set of any size by all its signatures together: less than half a second."""

SIZE_OF_FREE_HEADERS = 1 << 20
"""Bytes that these are for; beyond, one more header may be read for each byte. Dense data sets have one in ten bytes,
so that ten signatures over all of it can be verified, and any number that follow each other over the same elements."""

MAX_HEADERS = 64_000_000
"""Headers that may be read of a data set of any size, all signatures together: 30 signatures over 2 GiB, or over a
million elements. They take some minutes."""

BYTES_PER_HEADER = 1024
"""Bytes that are hashed in the time that one header takes."""

MAX_CREDITED_INFLATION = 8
"""Bytes of an inflated data set that count for each byte that was received, where it is asked what it may cost."""
