"""The append-only ledger: every accepted send, in order. Nothing is ever removed but by a reset.

With a file, each acceptance is one JSON line, flushed before the request is answered, and read again at the start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

import orjson

from conversations.simulator.config import Json
from conversations.simulator.model import Sent, User

MAX_PAGE: Final = 10_000


def decode(body: bytes) -> Any:
    """Return the JSON of a request body."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


class Ledger:
    """All accepted sends, found by message id, callback data or recipient."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Sent] = []
        self._by_wamid: dict[str, Sent] = {}
        self._by_callback: dict[str, list[Sent]] = {}
        self._by_to: dict[str, list[Sent]] = {}
        self.duplicate_callbacks = 0
        self._file: TextIO | None = None
        if path is not None:
            half_line = path.exists() and self._read(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8", buffering=1)
            if half_line:
                self._file.write("\n")

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, sent: Sent) -> None:
        """Append a send; on return it is in the file, if there is one."""
        self._remember(sent)
        if self._file is not None:
            self._file.write(orjson.dumps(sent.as_json(decode)).decode() + "\n")
            self._file.flush()

    def _remember(self, sent: Sent) -> None:
        self.entries.append(sent)
        self._by_wamid[sent.wamid] = sent
        self._by_to.setdefault(sent.user.id, []).append(sent)
        if sent.callback is not None:
            same = self._by_callback.setdefault(sent.callback, [])
            self.duplicate_callbacks += bool(same)
            same.append(sent)

    def get(self, wamid: str) -> Sent | None:
        """Return the send with this message id."""
        return self._by_wamid.get(wamid)

    def find(
        self, *, callback: str = "", user_id: str = "", wamid: str = "", after: int = 0, limit: int = 1000
    ) -> list[Sent]:
        """Return sends in order of acceptance, after sequence number `after`, that match everything given."""
        found: Iterator[Sent]
        if wamid:
            one = self._by_wamid.get(wamid)
            found = iter([one] if one else [])
        elif callback:
            found = iter(self._by_callback.get(callback, []))
        elif user_id:
            found = iter(self._by_to.get(user_id, []))
        else:
            # Sequence numbers are positions, from 1 without gaps.
            return self.entries[max(0, after) : max(0, after) + min(limit, MAX_PAGE)]
        kept = [sent for sent in found if sent.seq > after and (not user_id or sent.user.id == user_id)]
        return kept[: min(limit, MAX_PAGE)]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self, path: Path) -> bool:
        """Take over what is in the file; return whether its last line was left unfinished."""
        line = "\n"
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                try:
                    data: Json = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue  # the last line of a process that was killed while it wrote
                self._remember(_restored(data, seq=len(self.entries) + 1))
        return not line.endswith("\n")


def _restored(data: Json, *, seq: int) -> Sent:
    return Sent(
        seq=seq,
        wamid=data["wamid"],
        at=data["at"],
        number_id=data["phone_number_id"],
        waba_id=data["waba_id"],
        user=User(id=data["user"], phone=data["to"]),
        to=data["to"],
        kind=data["type"],
        callback=data["callback"],
        body=orjson.dumps(data["body"]),
        text=data["text"],
        category="",
        outcome=data["outcome"],
    )
