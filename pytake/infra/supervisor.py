"""Keeps a handful of processes running on one machine: starts, watches, restarts, stops them.

A process that dies is started again after a pause that doubles up to 10 s. Output is prefixed with the
process's name. On Linux children die with the supervisor, even when it is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from pytake.infra.embedded.children import dying_with_parent

PAUSE_MAX_S: Final = 10.0
# A worker first finishes what it does, a slice of sends perhaps; Celery now and then waits for longer than that.
STOP_S: Final = 8.0
COLOURS: Final = ("36", "32", "33", "35", "34", "31", "96", "92")


@dataclass(slots=True)
class Child:
    """A process to keep alive."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    pause_s: float = 0.5
    started_at: float = 0.0
    start_again_at: float | None = None

    def is_running(self) -> bool:
        """Return whether it lives."""
        return self.process is not None and self.process.poll() is None


@dataclass(slots=True)
class Supervisor:
    """The children, and servers that know how to start themselves (`guarded`: is it running, start it)."""

    folder: Path
    logs: Path
    children: list[Child] = field(default_factory=list)
    guarded: dict[str, tuple[Callable[[], bool], Callable[[], None]]] = field(default_factory=dict)
    stopping: bool = False
    colour: bool = field(default_factory=sys.stdout.isatty)
    # Lines kept back while something else is being written to the terminal.
    held: list[str] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, name: str, text: str) -> None:
        """Print a line with its origin."""
        index = next((i for i, child in enumerate(self.children) if child.name == name), 7)
        label = f"{name:<10}│ "
        with self._lock:
            if self.colour:
                label = f"\033[{COLOURS[index % len(COLOURS)]}m{label}\033[0m"
            if self.held is None:
                print(f"{label}{text}", flush=True)  # noqa: T201  # the terminal is what this is for
            else:
                self.held.append(f"{label}{text}")

    def release(self) -> None:
        """Print what was kept back, and from now on everything at once."""
        with self._lock:
            for line in self.held or []:
                print(line, flush=True)  # noqa: T201  # see above
            self.held = None

    def start(self, child: Child) -> None:
        """Start a child and forward what it prints."""
        child.started_at = time.monotonic()
        child.start_again_at = None
        child.process = subprocess.Popen(
            child.command,
            cwd=self.folder,
            env={**os.environ, **child.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dying_with_parent(),  # noqa: PLW1509  # calls nothing that takes a lock
        )
        assert child.process.stdout is not None
        threading.Thread(target=self._forward, args=(child, child.process.stdout), daemon=True).start()

    def _forward(self, child: Child, output: IO[bytes]) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{child.name}.log").open("ab") as log:
            for raw in output:
                log.write(raw)
                log.flush()
                self.say(child.name, raw.decode("utf-8", "replace").rstrip())

    def watch(self) -> None:
        """Restart what dies until told to stop."""
        while not self.stopping:
            for name, (is_running, start) in self.guarded.items():
                if not is_running() and not self.stopping:
                    self.say(name, "died; starting it again")
                    try:
                        start()
                    except Exception as exc:  # noqa: BLE001  # outermost edge: say it and try again
                        self.say(name, str(exc))
            for child in self.children:
                self._look_after(child)
            time.sleep(0.3)

    def _look_after(self, child: Child) -> None:
        if child.is_running() or child.process is None or self.stopping:
            return
        now = time.monotonic()
        if child.start_again_at is None:
            if now - child.started_at > 30:
                child.pause_s = 0.5
            self.say(child.name, f"ended with code {child.process.returncode}; starting again in {child.pause_s:.1f} s")
            child.start_again_at = now + child.pause_s
            child.pause_s = min(child.pause_s * 2, PAUSE_MAX_S)
            _signal_group(child, signal.SIGTERM)
        elif now >= child.start_again_at:
            _signal_group(child, signal.SIGKILL)
            self.start(child)

    def stop(self) -> None:
        """Ask all children to end (each ends its own workers, finishing what they do), then insist."""
        self.stopping = True
        running = [child for child in self.children if child.is_running()]
        for child in running:
            assert child.process is not None
            child.process.terminate()
        deadline = time.monotonic() + STOP_S
        for child in running:
            assert child.process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - time.monotonic()))
        for child in running:
            _signal_group(child, signal.SIGKILL)


def _signal_group(child: Child, number: signal.Signals) -> None:
    """Signal what a child may have left behind: one that is killed leaves its workers, and they its port."""
    assert child.process is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, number)
