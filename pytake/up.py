"""`manage.py up`: everything on one machine, from nothing. Starts what is missing and keeps it running.

Runs before Django's settings are read, because it provides what they need: a database, a Redis server and
secrets. Data, secrets and logs live in `.data/` (PYTAKE_DATA_DIR).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType

from cryptography.fernet import Fernet

from pytake.infra.embedded.errors import EmbeddedServerError
from pytake.infra.embedded.ports import is_taken
from pytake.infra.embedded.postgres import Postgres
from pytake.infra.embedded.valkey import Valkey
from pytake.infra.supervisor import Child, Supervisor

ROOT = Path(__file__).resolve().parent.parent
READY_S = 90.0
# Celery's advice about root and about lost connections is not for the person at this terminal.
QUIET = "ignore:::celery.platforms,ignore:::celery.worker.consumer.consumer"


class Interrupted(Exception):  # noqa: N818  # not an error: somebody pressed Ctrl-C
    """The person wants it to stop."""


def main() -> int:
    """Run until interrupted; return the exit code."""
    try:
        return _run()
    except EmbeddedServerError as exc:
        print(f"\nPyTake cannot start: {exc}", file=sys.stderr)
        return 1


def _run() -> int:
    data = Path(os.environ.get("PYTAKE_DATA_DIR", ROOT / ".data")).resolve()
    web, realtime, simulator = _ports()
    _refuse_taken({"PORT": web, "REALTIME_PORT": realtime, "SIMULATOR_PORT": simulator})
    data.mkdir(parents=True, exist_ok=True)
    _empty(data / "metrics")
    (data / "static").mkdir(exist_ok=True)
    supervisor = Supervisor(folder=ROOT, logs=data / "logs", held=[])
    postgres = Postgres(data) if "DATABASE_URL" not in os.environ else None
    valkey = Valkey() if "REDIS_URL" not in os.environ else None
    try:
        _listen_for_signals()
        _environment(data, web, realtime, simulator)
        with _log(data, "postgres") as log:
            _start_servers(supervisor, postgres, valkey, log)
            password = _prepare_database()
            _start_processes(supervisor, web, realtime, simulator)
            _wait_until_ready(supervisor, web, realtime, simulator)
            _welcome(web, simulator, password or os.environ.get("DEMO_PASSWORD", ""))
            supervisor.release()
            supervisor.watch()
    except (Interrupted, KeyboardInterrupt):
        print("\nStopping …", flush=True)
    finally:
        supervisor.release()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()
        if valkey:
            valkey.stop()
        if postgres:
            postgres.stop()
    print("Stopped. Your data is kept; `make run` goes on from here.", flush=True)
    return 0


def _ports() -> tuple[int, int, int]:
    web = _port("PORT", 8000)
    return web, _port("REALTIME_PORT", web + 1), _port("SIMULATOR_PORT", 8010)


def _port(name: str, default: int) -> int:
    text = os.environ.get(name, "") or str(default)
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise EmbeddedServerError(f"{name} must be a port number, not {text!r}.")
    return int(text)


def _refuse_taken(ports: dict[str, int]) -> None:
    for name, port in ports.items():
        same = [other for other in ports if ports[other] == port]
        if len(same) > 1:
            raise EmbeddedServerError(
                f"{' and '.join(same)} are both {port}. Choose another one: {same[1]}={port + 100} make run"
            )
        if is_taken(port):
            raise EmbeddedServerError(
                f"port {port} is in use. Stop the program that uses it (perhaps another `make run`), "
                f"or choose another one: {name}={port + 100} make run"
            )


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def _listen_for_signals() -> None:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


@contextlib.contextmanager
def _log(data: Path, name: str) -> Iterator[int]:
    (data / "logs").mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data / "logs" / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _environment(data: Path, web: int, realtime: int, simulator: int) -> None:
    """Put into the environment what the settings need, keeping what the person set."""
    defaults = {
        **_kept_secrets(data / "secrets.env"),
        "DEBUG": "false",
        "SITE_URL": f"http://127.0.0.1:{web}",
        "CSRF_TRUSTED_ORIGINS": f"http://127.0.0.1:{web},http://localhost:{web}",
        "REALTIME_URL": f"ws://127.0.0.1:{realtime}",
        "GRAPH_BASE_URL": f"http://127.0.0.1:{simulator}",
        "EVOLUTION_BASE_URL": f"http://127.0.0.1:{simulator}/evolution",
        "SIMULATOR_URL": f"http://127.0.0.1:{simulator}/",
        # The fast entrance; the same path on `web` would do as well.
        "SIMULATOR_CALLBACK_URL": f"http://127.0.0.1:{realtime}/api/v1/whatsapp/webhook",
        # The simulator is the only one that posts here, and it may play thousands of people.
        "WEBHOOK_POSTS_PER_MINUTE": "0",
        "LOG_FORMAT": "console",
        "LOG_LEVEL": "WARNING",
        "STATIC_ROOT": str(data / "static"),
        "MEDIA_ROOT": str(data / "media"),
        # All processes count into files there, so that one of them can answer for all.
        "PROMETHEUS_MULTIPROC_DIR": str(data / "metrics"),
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    if os.environ["EVOLUTION_BASE_URL"] == defaults["EVOLUTION_BASE_URL"]:
        os.environ.setdefault("EVOLUTION_API_KEY", os.environ["SIMULATOR_EVOLUTION_KEY"])


def _kept_secrets(file: Path) -> dict[str, str]:
    """Return the secrets of this installation, made once and kept for its owner only."""
    wanted: dict[str, Callable[[], str]] = {
        "SECRET_KEY": lambda: secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": lambda: Fernet.generate_key().decode(),
        "JWT_SIGNING_KEYS": lambda: secrets.token_urlsafe(48),
        "SIMULATOR_APP_SECRET": lambda: secrets.token_hex(16),
        "SIMULATOR_ACCESS_TOKEN": lambda: secrets.token_urlsafe(32),
        "SIMULATOR_EVOLUTION_KEY": lambda: secrets.token_urlsafe(32),
        "SIMULATOR_VERIFY_TOKEN": lambda: secrets.token_urlsafe(16),
        "DEMO_PASSWORD": lambda: f"Aurora-{secrets.token_urlsafe(6)}-7",
    }
    kept = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line) if file.exists() else {}
    missing = {name: make() for name, make in wanted.items() if name not in kept}
    if missing:
        kept |= missing
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text("".join(f"{name}={value}\n" for name, value in kept.items()))
    return kept


def _start_servers(supervisor: Supervisor, postgres: Postgres | None, valkey: Valkey | None, log: int) -> None:
    if postgres:
        server = postgres
        _step("PostgreSQL", lambda: server.start(log))
        os.environ["DATABASE_URL"] = server.url
        supervisor.guarded["postgres"] = (server.is_running, lambda: server.start(log))
    if valkey:
        cache = valkey
        _step("Redis", lambda: cache.start(log))
        os.environ["REDIS_URL"] = cache.url
        supervisor.guarded["redis"] = (cache.is_running, lambda: cache.start(log))


def _step(name: str, work: Callable[[], object]) -> None:
    """Do something that takes a while and say so."""
    print(f"  {name} … ", end="", flush=True)
    began = time.monotonic()
    work()
    print(f"ready ({time.monotonic() - began:.1f} s)", flush=True)


def _manage(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EmbeddedServerError(f"`manage.py {arguments[0]}` failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def _prepare_database() -> str:
    """Migrate, and fill an empty database with the demo; return its password if it was just made."""
    _step("Database", lambda: _manage("migrate", "--no-input", "-v", "0"))
    output = ""

    def seed() -> None:
        nonlocal output
        output = _manage("seed_demo", "--password", os.environ.get("DEMO_PASSWORD", ""))

    _step("Demo data", seed)
    return os.environ.get("DEMO_PASSWORD", "") if "created" in output else ""


def _start_processes(supervisor: Supervisor, web: int, realtime: int, simulator: int) -> None:
    python = sys.executable
    celery = [python, "-m", "celery", "-q", "-A", "pytake"]
    queues = "inbound,outbound,automations,maintenance"
    threads = min(8, 2 * (os.cpu_count() or 1) + 1)
    commands: dict[str, list[str]] = {
        "simulator": [python, "-m", "conversations.simulator", "--host", "127.0.0.1", "--port", str(simulator)],
        "web": [
            *[python, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(web)],
            *["--workers", "1", "--blocking-threads", str(threads), "--no-ws", "--log-level", "warning"],
            "pytake.wsgi:application",
        ],
        "realtime": [
            *[python, "-m", "uvicorn", "pytake.asgi:application", "--host", "127.0.0.1", "--port", str(realtime)],
            *["--log-level", "warning", "--lifespan", "off", "--no-access-log", "--no-proxy-headers"],
        ],
        "worker": [*celery, "worker", "-Q", queues, "-c", "2", "-l", "WARNING", "--without-gossip", "--without-mingle"],
        "beat": [*celery, "beat", "-l", "WARNING"],
    }
    for name, command in commands.items():
        child = Child(name, command, {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": QUIET})
        supervisor.children.append(child)
        supervisor.start(child)


def _wait_until_ready(supervisor: Supervisor, web: int, realtime: int, simulator: int) -> None:
    addresses = {
        "simulator": f"http://127.0.0.1:{simulator}/health",
        "web": f"http://127.0.0.1:{web}/api/v1/health",
        "realtime": f"http://127.0.0.1:{realtime}/api/v1/health",
    }
    for name, address in addresses.items():
        child = next(child for child in supervisor.children if child.name == name)
        _step(name.capitalize(), partial(_answers, address, child))


def _answers(address: str, child: Child) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if not child.is_running():
            raise EmbeddedServerError(f"the process {child.name} ended while starting; its lines above say why.")
        try:
            urllib.request.urlopen(address, timeout=2).close()  # noqa: S310  # our own address
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise EmbeddedServerError(f"{address} did not answer within {READY_S:.0f} s.")


def _welcome(web: int, simulator: int, password: str) -> None:
    """Say where everything is. The demo password is kept in the data folder."""
    print(
        "\n"
        f"  PyTake is running        http://127.0.0.1:{web}/\n"
        f"  Sign in as               admin@aurora.example\n"
        f"  Password                 {password}\n"
        f"  Phone page (customers)   http://127.0.0.1:{simulator}/\n\n"
        '  Write "oi" on the phone page. Ctrl-C stops everything.\n',
        flush=True,
    )
