"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import ports, samples
from support.pki import Authority


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certification authority for the whole run; what it issues lies in its folder."""
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def free_port() -> int:
    """A TCP port on which nobody listens."""
    return ports.free_port()


@pytest.fixture
def sample() -> Path:
    """The path of a small CT slice in explicit VR little endian (pydicom's CT_small.dcm); not to be written to."""
    return samples.sample("CT_small.dcm")
