"""A whole PyTake of its own: `manage.py up` in a folder of its own, watched and ended from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import psycopg
from psycopg.conninfo import make_conninfo

from pytake.infra.embedded.ports import free_port

ROOT: Final = Path(__file__).resolve().parent.parent.parent
START_S: Final = 120.0
STOP_S: Final = 60.0
RECOVERY_S: Final = 30.0
# What the test run itself set: the installation must make its own.
FOREIGN: Final = (
    *("DATABASE_URL", "REDIS_URL", "REDIS_PREFIX", "SECRET_KEY", "ENCRYPTION_KEYS", "JWT_SIGNING_KEYS"),
    *("DJANGO_SETTINGS_MODULE", "DJANGO_ALLOW_ASYNC_UNSAFE", "TEST_DATABASE_NAME"),
)


@dataclass
class Running:
    """The installation: its ports, its processes, its ledger and its database."""

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    web: int = 0
    realtime: int = 0
    simulator: int = 0
    process: subprocess.Popen[bytes] | None = None
    _seen: dict[int, psutil.Process] = field(default_factory=dict)

    def start(self) -> None:
        """Start it and wait until it says that it runs."""
        self.web, self.realtime, self.simulator = free_port(), free_port(), free_port()
        self.data.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        ports = {
            "PORT": str(self.web),
            "REALTIME_PORT": str(self.realtime),
            "SIMULATOR_PORT": str(self.simulator),
            "PYTAKE_DATA_DIR": str(self.data),
        }
        with (self.data / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env={**inherited, **ports, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait(lambda: "PyTake is running" in self.output() or not self._is_alive(), START_S, "the start")
        assert self._is_alive(), self.output()

    def stop_gently(self) -> None:
        """Ask it to end and wait; its data stays."""
        assert self.process is not None
        self.processes()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_S)

    def stop(self) -> None:
        """End it gently, then by force, and remove what it kept elsewhere."""
        if self.process is None:
            return
        self.stop_gently()
        self.force()
        # As root, PostgreSQL's files are where its account can reach them.
        if (self.data / "postgres").is_symlink():
            shutil.rmtree((self.data / "postgres").resolve(), ignore_errors=True)

    def force(self) -> list[str]:
        """Kill whatever is left of it; return the command lines."""
        assert self.process is not None
        left = [process for process in [*self._seen.values(), *self._of_folder()] if _lives(process)]
        commands = [_command(process) for process in left]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=5)
        self.process.wait(5)
        return commands

    def processes(self) -> list[psutil.Process]:
        """Return all its processes, the supervisor's descendants."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor = psutil.Process(self.process.pid)
            found = [supervisor, *supervisor.children(recursive=True)]
            self._seen |= {process.pid: process for process in found}
            return found
        return []

    def named(self, *words: str) -> list[psutil.Process]:
        """Return its processes whose command line holds all the words, with their descendants."""
        heads = [process for process in self.processes() if all(word in _command(process) for word in words)]
        family: dict[int, psutil.Process] = {}
        for head in heads:
            with contextlib.suppress(psutil.NoSuchProcess):
                family |= {process.pid: process for process in [head, *head.children(recursive=True)]}
        return list(family.values())

    def kill(self, *words: str) -> set[int]:
        """`kill -9` those processes at once; return their numbers."""
        victims = self.named(*words)
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return {process.pid for process in victims}

    def output(self) -> str:
        """Return what it printed."""
        return (self.data / "up.log").read_text(errors="replace")

    def simulate(self, path: str, body: dict[str, Any] | None = None, *, method: str | None = None) -> Any:
        """Call the simulator's admin API."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.simulator}/_sim/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method or ("GET" if body is None else "POST"),
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read())

    def ledger(self) -> list[dict[str, Any]]:
        """Return every send that the simulator accepted."""
        rows: list[dict[str, Any]] = []
        after = 0
        while True:
            page = self.simulate(f"messages?after={after}&limit=5000")
            rows += page["data"]
            if not page["data"]:
                return rows
            after = page["after"]

    def secrets(self) -> dict[str, str]:
        """Return the installation's secrets."""
        lines = (self.data / "secrets.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query as the server's owner, who sees every organization's rows; wait while the server recovers."""
        deadline = time.monotonic() + RECOVERY_S
        while True:
            try:
                with psycopg.connect(self._owner(), connect_timeout=5, autocommit=True) as connection:
                    cursor = connection.execute(statement.encode(), parameters)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _owner(self) -> str:
        facts = json.loads((self.data / "postgres" / "server.json").read_text())
        return make_conninfo(
            host="127.0.0.1", port=facts["port"], user="postgres", password=facts["superuser"], dbname="pytake"
        )

    def wait(self, condition: Callable[[], bool], seconds: float, what: str, *, every_s: float = 0.1) -> float:
        """Wait until it holds; fail with the end of the output. Returns the seconds it took."""
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            if condition():
                return time.monotonic() - began
            time.sleep(every_s)
        raise AssertionError(f"{what} took more than {seconds:.0f} s\n{self.output()[-6000:]}")

    def _is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _of_folder(self) -> list[psutil.Process]:
        """Return processes that were started for this folder, whoever their parent is now."""
        return [process for process in psutil.process_iter() if _data_folder(process) == str(self.data)]


def _data_folder(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return str(process.environ().get("PYTAKE_DATA_DIR", ""))
    return ""


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
