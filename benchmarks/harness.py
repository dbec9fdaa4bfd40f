"""What the benchmarks share: a database of their own, server processes whose CPU is counted, tables.

Figures are comparisons within one run on one machine: a ratio to a baseline, and CPU microseconds per
unit of work (of the server processes, PostgreSQL excluded unless said).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".data" / "benchmarks"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def quick() -> bool:
    """Whether to run for a few seconds only (`BENCH_QUICK=1`), to see that everything works."""
    return os.environ.get("BENCH_QUICK", "") == "1"


@contextlib.contextmanager
def fresh_database() -> Iterator[str]:
    """Create a database beside DATABASE_URL's, point this process and its children at it, drop it at the end."""
    url = os.environ["DATABASE_URL"]
    parts = urlsplit(url)
    name = f"bench_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    own = urlunsplit(parts._replace(path=f"/{name}"))
    os.environ["DATABASE_URL"] = own
    os.environ["REDIS_PREFIX"] = name
    try:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        yield own
    finally:
        os.environ["DATABASE_URL"] = url
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@dataclass(slots=True)
class Server:
    """A server process and its children, stopped at the end of the block."""

    command: Sequence[str]
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    _log: Path = field(default_factory=lambda: RESULTS / f"server-{time.monotonic_ns()}.log")

    def __enter__(self) -> Self:
        RESULTS.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)
        self._log.unlink(missing_ok=True)

    def _wait(self) -> None:
        if not self.url:
            return
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.url, timeout=2)
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"{' '.join(self.command)} did not answer:\n{self._log.read_text()[-3000:]}")

    def cpu_seconds(self) -> float:
        """Return user and system time of the process and its living descendants."""
        assert self.process is not None
        return sum(cpu_of(pid) for pid in descendants(self.process.pid))


def postgres_cpu_seconds() -> float:
    """Return the time that all processes of the local PostgreSQL have used; 0 when it runs elsewhere."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    try:
        postmaster = int(_stat(backend)[1])
    except OSError:
        return 0.0
    # The time of children that have ended is added to their parent's.
    fields = _stat(postmaster)
    return sum(cpu_of(pid) for pid in descendants(postmaster)) + (int(fields[13]) + int(fields[14])) / TICKS


@contextlib.contextmanager
def graph_at(base: str) -> Iterator[None]:
    """Let this process and the children it starts send to another provider."""
    from django.conf import settings

    old = settings.GRAPH_BASE_URL
    settings.GRAPH_BASE_URL = os.environ["GRAPH_BASE_URL"] = base
    try:
        yield
    finally:
        settings.GRAPH_BASE_URL = old
        del os.environ["GRAPH_BASE_URL"]


def descendants(root: int) -> list[int]:
    """Return `root` and all living processes below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int(_stat(int(entry.name))[1])
    found, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grown = bool(more)
        found |= more
    return sorted(found)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_of(pid: int) -> float:
    """Return user and system seconds of a process; 0 if it is gone."""
    try:
        fields = _stat(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def report(name: str, title: str, rows: Sequence[dict[str, object]], note: str = "") -> None:
    """Print a table and write the same figures to `.data/benchmarks/<name>.json`."""
    columns = list(rows[0])
    cells = [[_text(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    print(f"\n{title}")
    print("  ".join(column.ljust(width) for column, width in zip(columns, widths, strict=True)))
    for line in cells:
        print(
            "  ".join(
                cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
        )
    if note:
        print(note)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"title": title, "rows": list(rows), "note": note}, indent=1))


def _text(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0-1) of the sorted values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")
