"""The files that the rows of `dcmsign_rows` are about: certificates, keys, signed and damaged objects, timestamps.

Everything is made anew, by dcmsign itself where it can make it, else by the independent writers of `support`. The names
are those that the rows use.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from support.dcmsign_scene.texts import TEXTS
from support.dcmsign_scene.timestamps import Timestamps


class Scene(Timestamps):
    """A folder full of inputs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name, content in TEXTS.items():
            self.put(name, content)
        shutil.rmtree(self._pki)
