"""Processes that must not outlive the one that started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def dying_with_parent(number: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """Return what a child calls before it runs its program: Linux signals it when its parent is gone."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return partial(_die_with, library, number, os.getpid())


def _die_with(library: ctypes.CDLL | None, number: signal.Signals, parent: int) -> None:
    if library is not None:
        library.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)


def command_of(pid: int) -> str:
    """Return the command line of a process, empty if there is none of this number."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    if Path("/proc/self").exists():
        return ""
    listing = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    return subprocess.run(listing, capture_output=True, text=True, check=False).stdout.strip()
