"""What a file is, by its first bytes: names and announced types are claims of strangers."""

from __future__ import annotations

import mimetypes
import re
from typing import Final

HEAD: Final = 4096
OCTETS: Final = "application/octet-stream"
# Only these are ever shown inside a page of ours; everything else is handed over as a download.
IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
AUDIO: Final = frozenset({"audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr"})
VIDEO: Final = frozenset({"video/mp4", "video/3gpp"})
INLINE: Final = IMAGES | AUDIO | VIDEO
# What a browser would run if it got it under its own name.
ACTIVE: Final = frozenset({"text/html", "image/svg+xml", "text/xml"})
_STARTS: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"#!AMR", "audio/amr"),
    (b"%PDF-", "application/pdf"),
)
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_OFFICE: Final = re.compile(r"application/(vnd\.openxmlformats-officedocument\.|vnd\.oasis\.)[\w.-]+")
_OLD_OFFICE: Final = frozenset({"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"})
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def sniff(head: bytes, declared: str = "") -> str:
    """Return the type of a file by its first bytes; `declared` only chooses among what looks alike."""
    declared = declared.split(";", maxsplit=1)[0].strip().lower()
    for start, mime in _STARTS:
        if head.startswith(start):
            return mime
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _of_container(head[8:12], declared)
    if head.startswith(_ZIP):
        return declared if _OFFICE.fullmatch(declared) else "application/zip"
    if head.startswith(_OLE):
        return declared if declared in _OLD_OFFICE else OCTETS
    return _of_text(head)


def _of_container(brand: bytes, declared: str) -> str:
    if brand == b"M4A " or declared == "audio/mp4":
        return "audio/mp4"
    return "video/3gpp" if brand.startswith(b"3g") else "video/mp4"


def _of_text(head: bytes) -> str:
    if not head or b"\x00" in head:
        return OCTETS
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in start:
        return "image/svg+xml"
    if start.startswith(b"<"):
        return "text/xml" if start.startswith(b"<?xml") and b"<html" not in start else "text/html"
    return "text/plain" if not any(byte < 9 for byte in head) else OCTETS


def is_lying(declared: str, found: str) -> bool:
    """Return whether a file is of another family than announced."""
    family = declared.partition("/")[0].lower()
    if family not in {"image", "audio", "video"}:
        return False
    return found not in INLINE or found.partition("/")[0] != family


def safe_name(name: str, *, mime_type: str = "") -> str:
    """Return a name without folders, control or direction marks, and with an extension if the type has one."""
    clean = _UNSAFE.sub("_", name).strip(" .")[-120:]
    if "." not in clean:
        clean = (clean or "file") + (mimetypes.guess_extension(mime_type) or "")
    return clean
