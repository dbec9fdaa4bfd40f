"""Promises about the repository itself: its documents, its example settings, its images, its requirements."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery import current_app
from django.apps import apps
from django.db import migrations
from django_celery_beat.models import PeriodicTask

from tests.test_architecture import PACKAGES, registered_tasks

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
# Names that say what kind of thing a module is, not what it is about.
NO_SUBJECT = {"utils", "util", "helpers", "common", "misc", "services", "managers", "base_utils"}
# What belongs to one developer's machine. In pieces, so that this file does not find itself.
MACHINE_BOUND = re.compile(
    "|".join(["pypi" + r"\.org", "python" + r"hosted\.org", "npm" + r"js\.(?:org|com)", "proxy" + r"\.golang"])
    + r"|(?<![\w.:/-])/(?:wo" + r"rk|ro" + r"ot|Us" + r"ers)/\w|(?<![\w./-])/ho" + r"me/(?!home)\w+/"
)  # fmt: skip
# Files of others, as they came.
VENDORED = ("tests/browser/vendor/", "static/vendor/", "package-lock.json")
LINES_MAX = {"ARCHITECTURE.md": 250, "CONTRIBUTING.md": 200, "README.md": 120}
ADR_LINES_MAX = 60


def tracked(*patterns: str) -> list[str]:
    """Return the files that belong to the repository; skip where it was unpacked without its history."""
    if not (ROOT / ".git").exists():
        pytest.skip("there is no .git: nobody can tell which files belong to the repository")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def names_in(listing: str) -> set[str]:
    """Return the distributions that a requirements file names, in their canonical spelling."""
    lines = [line.split("#")[0].strip() for line in listing.splitlines()]
    found = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if line and not line.startswith("-")]
    return {re.sub(r"[-_.]+", "-", match.group()).lower() for match in found if match}


# --- Names and words


def test_modules_are_named_after_their_subject() -> None:
    assert [
        name for name in tracked("*.py") if NO_SUBJECT & {part.removesuffix(".py") for part in name.split("/")}
    ] == []


def test_nothing_names_one_developers_machine() -> None:
    found = {}
    for name in tracked():
        if name.startswith(VENDORED) or (ROOT / name).stat().st_size > 1_000_000:
            continue
        try:
            match = MACHINE_BOUND.search(text(name))
        except UnicodeDecodeError:
            continue
        if match:
            found[name] = match.group()

    assert found == {}


@pytest.mark.parametrize("line", ["see https://pypi" + ".org/x", "cd /wo" + "rk/main", "in /ho" + "me/ana/x"])
def test_what_names_a_machine_is_found(line: str) -> None:
    assert MACHINE_BOUND.search(line)


# --- Requirements


@pytest.mark.parametrize("kind", ["requirements", "requirements-local", "requirements-dev"])
def test_requirements_are_pinned_and_hold_what_was_asked_for(kind: str) -> None:
    compiled = text(f"{kind}.txt")
    lines = [line for line in compiled.splitlines() if line.strip() and not line.startswith("#")]

    assert [line for line in lines if not re.match(r"[a-z0-9._-]+(\[[a-z0-9,._-]+\])?==[^ ]+( ;.*)?$", line)] == []
    assert names_in(text(f"{kind}.in")) - names_in(compiled) == set()


# --- Documents


def test_documents_stay_short() -> None:
    sizes = {name: len(text(name).splitlines()) for name in LINES_MAX}
    decisions = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in ROOT.glob("docs/adr/*.md")}

    assert {name: size for name, size in sizes.items() if size > LINES_MAX[name]} == {}
    assert {name: size for name, size in decisions.items() if size > ADR_LINES_MAX} == {}
    numbers = sorted(int(name[:4]) for name in decisions)
    assert numbers == list(range(1, len(numbers) + 1))


def test_links_lead_to_files() -> None:
    broken = []
    for name in tracked("*.md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", text(name)):
            path = target.partition("#")[0]
            if path and "://" not in path and not ((ROOT / name).parent / path).exists():
                broken.append(f"{name}: {target}")

    assert broken == []


def test_commands_of_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    named = {
        name: set(re.findall(r"(?:`|^)make ([a-z]+)", text(name), re.MULTILINE))
        for name in ("README.md", "CONTRIBUTING.md")
    }

    assert {"run", "test"} <= named["README.md"]
    assert {name: words - targets for name, words in named.items() if words - targets} == {}


def test_the_table_of_features_names_only_what_exists() -> None:
    wrong, rows = [], 0
    for line in text("docs/features.md").splitlines():
        if not re.match(r"\| R\d", line):
            continue
        rows += 1
        what, modules, proofs = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if not re.match(r"R\d{3}\b", what):
            wrong.append(line)
        wrong += [path for path in re.findall(r"`([^`]+)`", modules) if not (ROOT / path).exists()]
        for file, names in re.findall(r"`([^`]+\.py)` : ([^;]+)", proofs):
            path = ROOT / "tests" / file
            source = path.read_text(encoding="utf-8") if path.is_file() else ""
            wrong += [f"{file}: {n.strip()}" for n in names.split(",") if f"def test_{n.strip()}(" not in source]

    assert wrong == []
    assert rows > 50


def test_the_architecture_names_only_modules_that_exist() -> None:
    named = set(
        re.findall(
            r"`((?:pytake|notifications|conversations|flows|analytics|tests)/[\w/.]+\.py)", text("ARCHITECTURE.md")
        )
    )

    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


# --- Settings


def example() -> dict[str, str]:
    """Return the variables of .env.example."""
    lines = [line.strip() for line in text(".env.example").splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.slow
def test_the_example_of_the_environment_runs_as_it_is() -> None:
    environment = {**example(), "PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "pytake.settings"}

    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--fail-level", "WARNING"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_of_the_example_is_described() -> None:
    described = set(re.findall(r"`([A-Z0-9_]+)`", text("docs/deploy.md")))

    assert set(example()) - described == set()


def test_the_example_holds_no_key_of_nobody() -> None:
    sources = [path.read_text(encoding="utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    deployment = [text("docker-compose.yml"), text("deploy/caddy/Caddyfile")]

    assert [name for name in example() if not any(name in source for source in [*sources, *deployment])] == []


# --- Images


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text("docker-compose.yml"))
    return document


def image_command() -> list[str]:
    line = next(line for line in text("Dockerfile").splitlines() if line.startswith("CMD "))
    return list(yaml.safe_load(line.removeprefix("CMD ")))


def commands() -> list[list[str]]:
    """Return what the containers of our image run, one program a list."""
    found: list[list[str]] = []
    for service in compose()["services"].values():
        if service.get("image") != "pytake":
            continue
        command = service.get("command", image_command())
        found += [shlex.split(part) for part in command[2].split("&&")] if command[:2] == ["sh", "-c"] else [command]
    return [command for command in found if command[0] != "rm"]


def test_compose_runs_what_exists() -> None:
    for command in commands():
        program = command[0]
        assert (BIN / program).exists(), program
        for word in command[1:]:
            module, colon, name = word.partition(":")
            if colon and module.startswith("pytake."):
                assert hasattr(import_module(module), name), word
        if "-m" in command:
            assert importlib.util.find_spec(f"{command[command.index('-m') + 1]}.__main__")
        if "-A" in command:
            assert import_module(f"{command[command.index('-A') + 1]}.celery").app
        if command[:2] == ["python", "manage.py"]:
            assert command[2] in {"check", "migrate"}


def test_compose_mounts_what_exists() -> None:
    volumes = [volume.split(":")[0] for row in compose()["services"].values() for volume in row.get("volumes", [])]
    folders = {source for source in volumes if source.startswith("./")}

    assert set(volumes) - folders == set(compose()["volumes"])
    assert [source for source in folders if not (ROOT / source).exists()] == []


def test_the_worker_reads_every_queue_that_is_written() -> None:
    worker = next(command for command in commands() if "worker" in command)
    read = set(worker[worker.index("-Q") + 1].split(","))
    tasks = [current_app.tasks[name] for name in registered_tasks()]
    written = {current_app.amqp.router.route({}, task.name)["queue"].name for task in tasks}

    assert written <= read


def test_the_image_holds_every_package() -> None:
    packages = {Path(name).parts[0] for name in tracked("*/__init__.py")} - {"tests", "benchmarks"}
    copied = set(re.findall(r"^COPY (\w+) \1$", text("Dockerfile"), re.MULTILINE))

    assert packages | {"templates", "static"} <= copied
    assert packages == set(PACKAGES)


# --- Ticks


def test_every_periodic_row_names_a_registered_task(db: None) -> None:
    # Transactional tests empty the tables: what the migrations write is written again.
    for package in tracked("*/migrations/0*.py"):
        if "PeriodicTask" in text(package):
            module = import_module(package.removesuffix(".py").replace("/", "."))
            for operation in module.Migration.operations:
                if isinstance(operation, migrations.RunPython):
                    write: Any = operation.code
                    write(apps, None)
    tasks = registered_tasks()
    rows = PeriodicTask.objects.exclude(task__startswith="celery.")

    assert rows.count() >= 8
    assert [row.task for row in rows if row.task not in tasks] == []
