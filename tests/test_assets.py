"""The check of built assets notices what was changed and not built, without Node."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the check looks at, without Node's packages, and recorded as built."""
    for name in (".ci", "static", "templates", "tests/browser/vendor"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    assert check(tmp_path, "--write").returncode == 0
    return tmp_path


def check(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / ".ci" / "drift.py"), "assets", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_what_was_built_passes(copy: Path) -> None:
    assert check(copy).returncode == 0


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("static/css/src/base.css", "a { color: red; }", "static/css/src/base.css changed"),
        ("static/css/app.css", "a{color:red}", "static/css/app.css changed"),
        ("static/vendor/htmx.min.js", ";", "static/vendor/htmx.min.js changed"),
        ("templates/base.html", '<p class="text-[13px]"></p>', "class 'text-[13px]' is not in static/css/app.css"),
    ],
)
def test_what_was_changed_afterwards_is_named(copy: Path, name: str, text: str, complaint: str) -> None:
    append(copy / name, text)

    done = check(copy)

    assert done.returncode == 1
    assert complaint in done.stderr


def test_a_class_that_the_stylesheet_knows_passes(copy: Path) -> None:
    append(copy / "templates" / "base.html", '<p class="mt-4 {% if x %}is-bad{% endif %} is-{{ x }}"></p>')

    assert check(copy).returncode == 0
