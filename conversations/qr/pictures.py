"""A QR code as one path of an SVG: drawn here, so that no picture of a foreign server gets into the page. Pure."""

from __future__ import annotations

import base64
from itertools import groupby
from typing import Final, NamedTuple

import qrcode

# Readers need a quiet zone of four modules.
BORDER: Final = 4


class Picture(NamedTuple):
    """The side in modules, and the dark ones as a path."""

    side: int
    path: str


def draw(text: str) -> Picture:
    """Return the drawing of a text."""
    code = qrcode.QRCode(border=BORDER, error_correction=qrcode.constants.ERROR_CORRECT_L)
    code.add_data(text)
    rows = code.get_matrix()
    return Picture(len(rows), "".join(_row(row, y) for y, row in enumerate(rows)))


def data_url(text: str) -> str:
    """Return the drawing as a `data:` address."""
    side, path = draw(text)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/><path d="{path}"/></svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _row(row: list[bool], y: int) -> str:
    parts, x = [], 0
    for dark, modules in groupby(row):
        length = sum(1 for _ in modules)
        if dark:
            parts.append(f"M{x} {y}h{length}v1h-{length}z")
        x += length
    return "".join(parts)
