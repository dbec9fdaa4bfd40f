"""`manage.py up`: what dies is started again, what ends leaves nothing, what cannot start says what to do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from tests.crash.running import FOREIGN, ROOT, Running

HEADS = {
    "simulator": "conversations.simulator",
    "web": "granian --interface",
    "realtime": "uvicorn pytake.asgi",
    "worker": "pytake worker",
    "beat": "pytake beat",
    "redis": "valkey-server",
    "postgres": "bin/postgres -D",
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Running]:
    """An installation that the test may end as it likes."""
    installation = Running(tmp_path / "own")
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()


def answers(port: int, path: str) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).close()
    except urllib.error.HTTPError as exc:
        return exc.code < 500
    except OSError:
        return False
    return True


def up(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**inherited, "PYTAKE_DATA_DIR": str(tmp_path / "data"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_process_alone_is_started_again(running: Running) -> None:
    """Only the head of each is killed: what it leaves behind must not stand in the way of the next one."""
    for words in HEADS.values():
        heads = [process for process in running.named(words) if words in " ".join(process.cmdline())]
        head = next(process for process in heads if process.ppid() == running.processes()[0].pid)
        head.kill()
        old = head.pid
        running.wait(
            lambda words=words, old=old: any(  # type: ignore[misc]  # bound in the loop
                process.ppid() == running.processes()[0].pid and process.pid != old for process in running.named(words)
            ),
            30,
            f"starting {words} again",
        )

    running.wait(lambda: answers(running.web, "/api/v1/health"), 30, "the pages")
    running.wait(lambda: answers(running.realtime, "/api/v1/health"), 30, "the sockets")
    running.wait(lambda: answers(running.simulator, "/health"), 30, "the simulator")
    running.simulate("inbound", {"from": "5569970000001", "text": "oi"})
    running.wait(lambda: len(running.simulate("messages?to=5569970000001")["data"]) == 2, 60, "the answer")


def test_it_ends_cleanly_and_goes_on_from_there(own: Running, tmp_path: Path) -> None:
    own.simulate("inbound", {"from": "5569970000002", "text": "oi"})
    own.wait(lambda: len(own.simulate("messages?to=5569970000002")["data"]) == 2, 30, "the answer")
    end(own, signal.SIGTERM)

    own.start()
    count = own.rows("SELECT count(*) FROM conversations_message WHERE address_value LIKE '55699700000%%'")
    assert count == [(2,)]
    end(own, signal.SIGINT)

    (own.data / "postgres" / "server.json").write_text("{")
    ports = {"PORT": own.web, "REALTIME_PORT": own.realtime, "SIMULATOR_PORT": own.simulator}
    done = up(tmp_path, PYTAKE_DATA_DIR=str(own.data), **{name: str(port) for name, port in ports.items()})
    assert done.returncode == 1
    assert f"mv {own.data} {own.data}.broken" in done.stderr
    assert "Traceback" not in done.stderr


def end(own: Running, number: signal.Signals) -> None:
    """End it with a signal; it must say so and leave nothing."""
    assert own.process is not None
    own.processes()
    own.process.send_signal(number)
    assert own.process.wait(60) == 0
    assert own.force() == []
    assert "Stopped. Your data is kept" in own.output()
    assert "Traceback" not in own.output()


def test_killed_itself_it_takes_everything_along(own: Running) -> None:
    assert own.process is not None
    everything = own.processes()
    own.process.kill()

    _, alive = psutil.wait_procs(everything, timeout=30)

    assert [process.cmdline() for process in alive] == []
    assert own.force() == []


def test_a_busy_port_is_said_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = up(tmp_path, PORT=str(port))

    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert f"PORT={port + 100} make run" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_servers_at_one_port_are_refused(tmp_path: Path) -> None:
    done = up(tmp_path, PORT="18310", SIMULATOR_PORT="18311")

    assert done.returncode == 1
    assert "REALTIME_PORT and SIMULATOR_PORT are both 18311" in done.stderr
    assert "Traceback" not in done.stderr
