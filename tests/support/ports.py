"""TCP ports that the kernel chooses, and whether somebody listens on one."""

from __future__ import annotations

import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LISTEN = "0A"
"""The state TCP_LISTEN as /proc/net/tcp prints it."""


def free_port() -> int:
    """Return a TCP port on which nobody listened a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Tell whether some process listens on `port`, without opening a connection that it would have to handle."""
    wanted = f":{port:04X}"
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] == _LISTEN:
                return True
    return False
