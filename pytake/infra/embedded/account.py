"""Under which account PostgreSQL runs. It refuses to run as root, so root lends it an unprivileged one.

As root, programs and data must be reachable by that account, which a clone below /root is not; then the
data lives under /var/lib/pytake and the programs are copied beside it.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT = "nobody"
SHARED = Path("/var/lib/pytake")


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a server: None is our own."""

    uid: int | None = None
    gid: int | None = None

    def popen(self) -> dict[str, Any]:
        """Return the arguments for subprocess that switch to the account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Make the folder and give it to the account, closed to others."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)


def for_postgres() -> Account:
    """Return our own account, or an unprivileged one when we are root."""
    if os.geteuid() != 0:
        return Account()
    entry = pwd.getpwnam(ACCOUNT)
    return Account(entry.pw_uid, entry.pw_gid)


def data_folder(wanted: Path, account: Account) -> Path:
    """Return where the account can keep data: `wanted`, or a folder of this clone under /var/lib/pytake."""
    if account.uid is None:
        return wanted
    mark = hashlib.sha256(str(wanted.resolve()).encode()).hexdigest()[:12]
    folder = SHARED / f"{mark}-{wanted.name}"
    SHARED.mkdir(parents=True, exist_ok=True)
    SHARED.chmod(0o755)
    return folder


def reachable(programs: Path, account: Account) -> Path:
    """Return the programs' folder, or a copy that the account can run."""
    if account.uid is None or _runs(programs, account):
        return programs
    mark = hashlib.sha256(str(programs).encode()).hexdigest()[:12]
    copy = SHARED / f"postgresql-{mark}"
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        SHARED.mkdir(parents=True, exist_ok=True)
        shutil.copytree(programs.parent, copy, symlinks=True)
        copy.chmod(0o755)
        (copy / "complete").touch()
    return copy / programs.name


def _runs(programs: Path, account: Account) -> bool:
    try:
        done = subprocess.run(
            [str(programs / "postgres"), "--version"], capture_output=True, check=False, cwd="/", **account.popen()
        )
    except OSError:
        return False
    return done.returncode == 0
