"""Pytest plugin: PostgreSQL and Redis for the tests, before Django reads its settings.

`DATABASE_URL` and `REDIS_URL` are used when set. Otherwise servers are started from wheels; their files stay in
`.data/test/` for a fast start next time, and they stop with the run. pytest-django makes a fresh database per run
and xdist worker; keys in Redis have a prefix per run and worker.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
from pathlib import Path
from typing import IO

from cryptography.fernet import Fernet

from pytake.infra.embedded.postgres import Postgres
from pytake.infra.embedded.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent.parent


def prepare_environment() -> None:
    """Fill in what the settings need. xdist workers inherit the servers and take prefixes of their own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        os.environ["REDIS_PREFIX"] += f"-{worker}"
        return
    os.environ.setdefault("REDIS_PREFIX", f"test-{secrets.token_hex(4)}")
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
    os.environ.setdefault("ENCRYPTION_KEYS", Fernet.generate_key().decode())
    _start_missing(ROOT / ".data" / "test")


def _start_missing(home: Path) -> None:
    if "DATABASE_URL" in os.environ and "REDIS_URL" in os.environ:
        return
    home.mkdir(parents=True, exist_ok=True)
    log = (home / "servers.log").open("ab")
    atexit.register(log.close)
    if "DATABASE_URL" not in os.environ:
        postgres = Postgres(_unused(home), durable=False)
        postgres.clear_leftover()
        postgres.start(log)
        atexit.register(postgres.stop)
        os.environ["DATABASE_URL"] = postgres.url
    if "REDIS_URL" not in os.environ:
        valkey = Valkey()
        valkey.start(log)
        atexit.register(valkey.stop)
        os.environ["REDIS_URL"] = valkey.url


def _unused(home: Path) -> Path:
    """Return a folder that no other run uses: two runs at once have a cluster each."""
    for number in range(1, 100):
        folder = home / str(number)
        folder.mkdir(exist_ok=True)
        lock = (folder / "lock").open("w")
        if _locked(lock):
            atexit.register(lock.close)
            return folder
        lock.close()
    raise RuntimeError(f"{home} holds 99 clusters in use.")


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


prepare_environment()
