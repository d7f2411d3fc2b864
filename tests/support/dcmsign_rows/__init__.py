"""Command lines that `sealgate dcmsign` and dcmsign are both given, as a table."""

from __future__ import annotations

from support.dcmsign_rows.attacks import ATTACKS
from support.dcmsign_rows.damages import DAMAGES
from support.dcmsign_rows.files import FILES
from support.dcmsign_rows.items import ITEMS
from support.dcmsign_rows.profiles import PROFILES, TAGS
from support.dcmsign_rows.row import Row
from support.dcmsign_rows.timestamps import INSERTION, STAMPED
from support.dcmsign_rows.trust import TRUST
from support.dcmsign_rows.usage import COMMAND_FILES, USAGE

ROWS: tuple[Row, ...] = (
    *USAGE,
    *COMMAND_FILES,
    *TRUST,
    *DAMAGES,
    *ITEMS,
    *INSERTION,
    *STAMPED,
    *PROFILES,
    *TAGS,
    *FILES,
    *ATTACKS,
)
