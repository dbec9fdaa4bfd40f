"""Read settings from the environment, failing at start-up with the name of what is wrong.

Every reader takes the variable's name; without a default the variable is required. `NAME_FILE` may
name a file that holds the value (Docker and Kubernetes secrets).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit


class EnvironmentVariableError(RuntimeError):
    """A setting is missing or cannot be read; the message names the variable."""


class _Required:
    """Marks a variable that has no default."""


REQUIRED: Final = _Required()


def _raw(name: str) -> str | None:
    value = os.environ.get(name)
    if value is not None:
        return value
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise EnvironmentVariableError(f"{name}_FILE: cannot read {path}: {exc.strerror}.") from exc


def text(name: str, default: str | _Required = REQUIRED) -> str:
    """Return the value as it stands."""
    value = _raw(name)
    if value is not None:
        return value
    if isinstance(default, _Required):
        raise EnvironmentVariableError(
            f"{name} is not set. Copy .env.example to .env and fill it in, or export {name}."
        )
    return default


def secret(name: str) -> str:
    """Return a required value of at least 16 characters."""
    value = text(name)
    if len(value) < 16:
        raise EnvironmentVariableError(f"{name} must have at least 16 characters.")
    return value


def flag(name: str, *, default: bool) -> bool:
    """Return a switch: 1, true, yes, on; 0, false, no, off."""
    value = _raw(name)
    if value is None or value == "":
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise EnvironmentVariableError(f"{name} must be true or false, not {value!r}.")


def integer(name: str, default: int | _Required = REQUIRED) -> int:
    """Return a whole number."""
    value = _raw(name)
    if value is None or value == "":
        if isinstance(default, _Required):
            raise EnvironmentVariableError(f"{name} is not set; a whole number is expected.")
        return default
    try:
        return int(value)
    except ValueError as exc:
        raise EnvironmentVariableError(f"{name} must be a whole number, not {value!r}.") from exc


def seconds(name: str, default: float) -> float:
    """Return a duration in seconds, not negative."""
    value = _raw(name)
    try:
        number = float(value) if value else default
    except ValueError as exc:
        raise EnvironmentVariableError(f"{name} must be a number of seconds, not {value!r}.") from exc
    if number < 0:
        raise EnvironmentVariableError(f"{name} must not be negative.")
    return number


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list without empty entries."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def database(name: str) -> dict[str, object]:
    """Return Django's connection settings for `postgresql://user:password@host:port/name`.

    The host may also be a socket folder in the query: `postgresql:///name?host=/run/postgresql`.
    """
    url = text(name)
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise EnvironmentVariableError(f"{name} must begin with postgresql://.")
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    host = unquote(query.pop("host", parts.hostname or ""))
    return {
        "NAME": unquote(parts.path.lstrip("/")) or "pytake",
        "USER": unquote(parts.username or query.pop("user", "")),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": {key: unquote(value) for key, value in query.items()},
    }
