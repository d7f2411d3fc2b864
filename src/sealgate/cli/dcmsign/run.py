"""What every step of one run of dcmsign needs: where messages go, and which dictionary holds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from sealgate.cli.dcmsign.messages import Messages
from sealgate.dicom.dictionary import STANDARD, Dictionary

DICTIONARY_VARIABLE = "DCMDICTPATH"
"""Environment variable of DCMTK: paths of dictionary files, with colons between them."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run; the level of the log is set when the command line has been read."""

    messages: Messages = field(default_factory=Messages)
    dictionary: Dictionary = STANDARD

    def use_named_dictionaries(self) -> None:
        """Take the dictionary from the files that the environment names, if it names any."""
        paths = os.environ.get(DICTIONARY_VARIABLE)
        if paths:
            from sealgate.cli.dcmsign.dictionaries import named_dictionary

            self.dictionary = named_dictionary(paths, self.messages)
