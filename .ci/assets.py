"""Built styles, icons and vendored scripts match their sources.

The hashes in assets.json, written by `make assets`, tell whether a source or a result changed since; and every
class of the templates must be known to the stylesheet, or have been without style at that time. Where Node's
packages are installed, everything is built again and compared as well.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
RECORD: Final = ROOT / ".ci" / "assets.json"
REMEDY: Final = "Run `make assets` (needs Node)."
SOURCES: Final = ("package.json", "package-lock.json", "static/build.mjs", "static/css/src/*.css")
STYLES: Final = "static/css/app.css"
RESULTS: Final = (STYLES, "static/icons.svg", "static/vendor/*", "tests/browser/vendor/*")
_TAGS: Final = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_VALUES: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_CLASSES: Final = re.compile(r"""\bclass(?:Name)?=(?:"([^"]*)"|'([^']*)')""")


def problems() -> tuple[list[str], str]:
    """Return what is wrong, and a summary for when nothing is."""
    if not RECORD.exists():
        return [f"{RECORD.relative_to(ROOT)} is missing"], ""
    bad = _changed(json.loads(RECORD.read_text(encoding="utf-8")))
    npm = shutil.which("npm")
    if npm is None or not (ROOT / "node_modules" / ".bin" / "tailwindcss").exists():
        return bad, "nothing changed since the last build."
    return bad + _built_otherwise(npm), "building again gives what is committed."


def renew() -> tuple[list[str], str]:
    """Record what was just built."""
    record = {"hashes": _hashes(), "unstyled": _unstyled()}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return problems()


def _changed(record: dict[str, Any]) -> list[str]:
    now, then = _hashes(), record["hashes"]
    bad = [f"{name} changed since the last build" for name in sorted({*now, *then}) if now.get(name) != then.get(name)]
    return bad + [f"class {name!r} is not in {STYLES}" for name in _unstyled() if name not in record["unstyled"]]


def _files(patterns: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())


def _hashes() -> dict[str, str]:
    """Hash every source and result; line ends don't count."""
    return {
        str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
        for path in _files(SOURCES + RESULTS)
    }


def _unstyled() -> list[str]:
    """Return the classes in use that the stylesheet does not know."""
    styled = set(re.findall(r"\.((?:[\w-]|\\.)+)", (ROOT / STYLES).read_text(encoding="utf-8")))
    known = {re.sub(r"\\(.)", r"\1", name) for name in styled}
    used: set[str] = set()
    for path in _files(("templates/**/*.html",)):
        text = _VALUES.sub("{}", _TAGS.sub(" ", path.read_text(encoding="utf-8")))
        names = " ".join(match[1] or match[2] or "" for match in _CLASSES.finditer(text)).split()
        used.update(name for name in names if "{" not in name and not name.endswith("-"))
    return sorted(used - known)


def _built_otherwise(npm: str) -> list[str]:
    """Build in a place of its own and compare file by file."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for source in ("static/css/src", "static/js", "templates"):
            shutil.copytree(ROOT / source, place / source)
        for source in ("package.json", "static/build.mjs"):
            shutil.copy(ROOT / source, place / source)
        (place / "node_modules").symlink_to(ROOT / "node_modules")
        done = subprocess.run([npm, "run", "build"], cwd=place, capture_output=True, text=True, check=False)
        if done.returncode:
            return [f"npm run build failed: {done.stderr.strip()}"]
        return [
            f"{path.relative_to(ROOT)} is not what its sources give"
            for path in _files(RESULTS)
            if not _same(path, place / path.relative_to(ROOT))
        ]


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()
