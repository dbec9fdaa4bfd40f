"""Run all benchmarks, or those named: `python -m benchmarks [engine_steps …]`. Figures land in `.data/benchmarks/`.

Uses DATABASE_URL and REDIS_URL when set; otherwise servers are started from wheels, with the durability that an
installation has.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

from cryptography.fernet import Fernet

from benchmarks.harness import RESULTS, ROOT
from pytake.infra.embedded.postgres import Postgres
from pytake.infra.embedded.valkey import Valkey

ALL = (
    "engine_steps",
    "webhook_acceptance",
    "inbound_turns",
    "send_drain",
    "reply_latency",
    "sustained_load",
    "long_lists",
)


@contextlib.contextmanager
def servers() -> Iterator[None]:
    """Provide a database and a Redis server for the length of the block."""
    with contextlib.ExitStack() as stack:
        RESULTS.mkdir(parents=True, exist_ok=True)
        log = stack.enter_context((RESULTS / "servers.log").open("ab"))
        if "DATABASE_URL" not in os.environ:
            postgres = Postgres(RESULTS)
            postgres.clear_leftover()
            postgres.start(log)
            stack.callback(postgres.stop)
            os.environ["DATABASE_URL"] = postgres.url
        if "REDIS_URL" not in os.environ:
            valkey = Valkey()
            valkey.start(log)
            stack.callback(valkey.stop)
            os.environ["REDIS_URL"] = valkey.url
        yield


def main(names: list[str]) -> int:
    """Run each benchmark in a process of its own; return the number of those that failed."""
    unknown = set(names) - set(ALL)
    if unknown:
        print(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(ALL)}.")
        return 2
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
    os.environ.setdefault("ENCRYPTION_KEYS", Fernet.generate_key().decode())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pytake.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    with servers():
        commands = [[sys.executable, "-m", f"benchmarks.{name}"] for name in names or ALL]
        return sum(subprocess.run(command, cwd=ROOT, check=False).returncode != 0 for command in commands)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
