"""Finding ports on this machine."""

from __future__ import annotations

import socket


def free_port(wanted: int = 0) -> int:
    """Return `wanted` if nobody listens there, else another free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise OSError("no free port on 127.0.0.1")


def is_taken(port: int) -> bool:
    """Return whether somebody listens on the port."""
    return free_port(port) != port
