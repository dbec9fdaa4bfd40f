"""Bytes on the way to a callback: JSON escaped as Meta escapes it, and signatures over exactly these bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def serialise(value: Any, *, escape_slash: bool = True) -> bytes:
    r"""Return ASCII JSON: `\u00e9` in lower case, surrogate pairs, `/` as `\/` unless switched off."""
    text = _encode(value)
    if escape_slash:
        # A slash can only stand inside of a string.
        text = text.replace("/", "\\/")
    return text.encode("ascii")


def signature(secret: str, body: bytes) -> str:
    """Return the value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def legacy_signature(secret: str, body: bytes) -> str:
    """Return the value of the old X-Hub-Signature."""
    return "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def headers(secret: str, body: bytes) -> dict[str, str]:
    """Return the headers of a notification."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        "X-Hub-Signature": legacy_signature(secret, body),
        "X-Hub-Signature-256": signature(secret, body),
    }
