"""The QR code as the picture that Evolution API sends."""

from __future__ import annotations

import base64
import struct
import zlib

import qrcode

BORDER = 4
PIXELS = 5


def png(text: str) -> str:
    """Return the QR code of a text as a `data:` address of a PNG."""
    code = qrcode.QRCode(border=BORDER)
    code.add_data(text)
    rows = [
        b"\x00" + b"".join((b"\x00" if dark else b"\xff") * PIXELS for dark in row)
        for row in code.get_matrix()
        for _ in range(PIXELS)
    ]
    side = len(rows)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(b"".join(rows))), _chunk(b"IEND", b""))
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
