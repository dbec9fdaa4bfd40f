"""A real uvicorn on the test's database, which tests may stop and start again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent


class Server:
    """One process; it keeps its port."""

    def __init__(self, output: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.output = output
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address of its pages."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it listens."""
        command = [sys.executable, "-m", "uvicorn", "pytake.asgi:application", "--port", str(self.port)]
        with self.output.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment(), stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError(self.output.read_text())

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def _environment(self) -> dict[str, str]:
        database = connection.settings_dict
        user = f"{database['USER']}:{database['PASSWORD']}"
        return {
            **os.environ,
            "DATABASE_URL": f"postgresql://{user}@{database['HOST']}:{database['PORT']}/{database['NAME']}",
            "REDIS_URL": settings.REDIS_URL,
            "REDIS_PREFIX": settings.REDIS_PREFIX,
            "SECRET_KEY": settings.SECRET_KEY,
            "JWT_SIGNING_KEYS": ",".join(settings.JWT_SIGNING_KEYS),
            "SITE_URL": self.url,
            "REALTIME_URL": "",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "DEBUG",
        }
