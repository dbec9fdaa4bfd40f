"""Under which account PostgreSQL runs. It refuses to run as root, so root lends it an unprivileged one.

As root, programs and data must be reachable by that account, which a clone below /root is not; then the data
lives under /var/lib/pytake, with a link in its place, and the programs are copied there.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
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

    def runs(self, *command: str) -> bool:
        """Return whether the account can run a command."""
        try:
            done = subprocess.run(command, capture_output=True, check=False, cwd="/", **self.popen())
        except OSError:
            return False
        return done.returncode == 0


def for_postgres() -> Account:
    """Return our own account, or an unprivileged one when we are root."""
    if os.geteuid() != 0:
        return Account()
    entry = pwd.getpwnam(ACCOUNT)
    return Account(entry.pw_uid, entry.pw_gid)


def data_folder(wanted: Path, account: Account) -> Path:
    """Return where the account can keep data: `wanted`, or the folder that a link of this name leads to."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if account.uid is None or account.runs("test", "-x", str(wanted.parent)):
        return wanted
    if not wanted.is_symlink() or not wanted.exists():
        wanted.unlink(missing_ok=True)
        wanted.symlink_to(tempfile.mkdtemp(prefix="data-", dir=_shared()))
    return wanted.resolve()


def reachable(programs: Path, account: Account) -> Path:
    """Return the programs' folder (`<package>/<installation>/bin`), or a copy that the account can run."""
    if account.uid is None or account.runs(str(programs / "initdb"), "--version"):
        return programs
    installation = programs.parent
    package = installation.parent
    mark = hashlib.sha256(f"{programs} {programs.stat().st_mtime}".encode()).hexdigest()[:12]
    copy = _shared() / f"programs-{mark}"
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        # The programs look for their libraries beside the package, so the copy has the same shape.
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(installation, copy / package.name / installation.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name, symlinks=True)
        _open_to_everybody(copy)
        (copy / "complete").touch()
    return copy / package.name / installation.name / programs.name


def _open_to_everybody(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.stat().st_mode & 0o100 else 0o044))


def _shared() -> Path:
    SHARED.mkdir(parents=True, exist_ok=True)
    SHARED.chmod(0o711)
    return SHARED
