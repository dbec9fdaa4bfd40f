"""Reading spreadsheets that people upload, and writing those that they download. Nothing in them is ever executed.

CSV in UTF-8, UTF-16 or Windows-1252 with any usual delimiter; XLSX with the results that its formulas had when it
was saved. What we write cannot begin a formula; what we wrote is read back as it was.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any, Final
from xml.sax.saxutils import escape

from django.utils.translation import gettext_lazy as _
from python_calamine import CalamineError, CalamineWorkbook

from pytake.core.errors import DomainError

BYTES_MAX: Final = 20 * 1024 * 1024
ROWS_MAX: Final = 100_000
COLUMNS_MAX: Final = 60
CELL_MAX: Final = 5_000
# Of an XLSX once unpacked.
UNPACKED_MAX: Final = 300 * 1024 * 1024
_DELIMITERS: Final = (";", ",", "\t", "|")
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
# What XML cannot hold.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class SheetError(DomainError):
    """The file cannot be read; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Rows of text, the headers apart (empty when the file has none), with what was found out about the file."""

    headers: list[str]
    rows: list[list[str]]
    reading: dict[str, str]


def read(file: IO[bytes], *, name: str) -> Sheet:
    """Return what a file holds, by its content rather than its name. Raises SheetError."""
    data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise SheetError(_("The file is larger than 20 MB. Split it."))
    if data[:4] == b"PK\x03\x04":
        lines, reading = _xlsx(data)
    elif data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise SheetError(_("This is an old Excel file, or one with a password. Save it as .xlsx or .csv."))
    else:
        lines, reading = _csv(data)
    kept = [row for row in lines if any(row)]
    if not kept:
        raise SheetError(_("The file has no rows."))
    if len(kept) > ROWS_MAX + 1:
        raise SheetError(_("The file has more than 100,000 rows. Split it."))
    width = max(len(row) for row in kept)
    if width > COLUMNS_MAX:
        raise SheetError(_("The file has more than 60 columns."))
    even = [row + [""] * (width - len(row)) for row in kept]
    has_headers = not any(_is_data(cell) for cell in even[0])
    headers = even[0] if has_headers else [""] * width
    rows = even[1:] if has_headers else even
    if not rows:
        raise SheetError(_("The file has headers and no rows."))
    return Sheet(headers=[header[:80] for header in headers], rows=rows, reading=reading)


def _is_data(cell: str) -> bool:
    """Return whether a cell of the first row is data: a phone or an e-mail address is no header."""
    return sum(map(str.isdigit, cell)) >= 8 or ("@" in cell and "." in cell)


def _cell(value: Any) -> str:
    match value:
        case str():
            text = value
        case bool():
            text = "1" if value else "0"
        case float() if value.is_integer() and abs(value) < 10**16:
            text = str(int(value))
        case datetime():
            text = value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(" ")
        case date():
            text = value.isoformat()
        case _:
            text = str(value)
    return unguarded(_CONTROL.sub("", text).strip()[:CELL_MAX])


def _xlsx(data: bytes) -> tuple[list[list[str]], dict[str, str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(item.file_size for item in archive.infolist()) > UNPACKED_MAX:
                raise SheetError(_("The file is too large once unpacked."))
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            if sheet.height > ROWS_MAX + 1_000 or sheet.width > 1_000:
                raise SheetError(_("The file has more than 100,000 rows. Split it."))
            rows = [[_cell(value) for value in row] for row in sheet.to_python(skip_empty_area=True)]
            if any(any(row) for row in rows):
                return [_trimmed(row) for row in rows], {"kind": "xlsx", "sheet": name}
    except (CalamineError, zipfile.BadZipFile, ValueError, OSError) as exc:
        raise SheetError(_("This spreadsheet cannot be read. Save it as .xlsx or .csv again.")) from exc
    return [], {"kind": "xlsx"}


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row.pop()
    return row


def _csv(data: bytes) -> tuple[list[list[str]], dict[str, str]]:
    text, encoding = _decoded(data)
    first, _newline, rest = text.partition("\n")
    if re.fullmatch(r'"?sep=(.)"?\r?', first.strip("\ufeff"), re.IGNORECASE):
        delimiter, text = first.strip('"\r')[-1], rest
    else:
        delimiter = _delimiter(text)
    if "\x00" in text:
        raise SheetError(_("This is neither a CSV file nor a spreadsheet."))
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [_trimmed([_cell(value) for value in row]) for row in _some(lines)]
    except csv.Error as exc:
        raise SheetError(_("This CSV file cannot be read: a quotation mark is not closed.")) from exc
    return rows, {"kind": "csv", "encoding": encoding, "delimiter": "tab" if delimiter == "\t" else delimiter}


def _some(lines: Iterable[list[str]]) -> Iterator[list[str]]:
    for index, line in enumerate(lines):
        if index > ROWS_MAX + 1_000:
            raise SheetError(_("The file has more than 100,000 rows. Split it."))
        yield line


def _decoded(data: bytes) -> tuple[str, str]:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16", errors="replace"), "UTF-16"
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "Latin-1"


def _delimiter(text: str) -> str:
    """Return the sign that splits the first lines into the same number of cells, most of them."""
    sample = [line for line in text[:20_000].splitlines() if line.strip()][:20]

    def score(sign: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(sample, delimiter=sign)]
        least = min(widths, default=1)
        return (least if least > 1 else 0, sum(widths))

    return max(_DELIMITERS, key=score)


def guarded(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def unguarded(text: str) -> str:
    """Return text without the mark that `guarded` put before it."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA_SIGNS) else text


def csv_parts(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield a CSV file that spreadsheets here open: UTF-8 with a mark, semicolons, nothing that runs."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    yield b"\xef\xbb\xbf"
    for index, row in enumerate(rows, 1):
        writer.writerow([guarded(cell) for cell in row])
        if index % 500 == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


class _Pipe(io.RawIOBase):
    """What a ZIP is written to: keeps the bytes until they are taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="PyTake" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def xlsx_parts(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield an XLSX file whose cells are all texts: none can be a formula."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in _PARTS.items():
            archive.writestr(name, _HEAD + content)
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for index, row in enumerate(rows, 1):
                sheet.write(_row(row).encode())
                if index % 500 == 0:
                    yield pipe.take()
            sheet.write(b"</sheetData></worksheet>")
    yield pipe.take()


def _row(cells: Sequence[str]) -> str:
    texts = (escape(_CONTROL.sub("", guarded(cell))) for cell in cells)
    inner = "".join(f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>' for text in texts)
    return f"<row>{inner}</row>"
