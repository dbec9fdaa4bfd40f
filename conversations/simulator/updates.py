"""One thing to tell a callback, and how many of them make the envelope of a POST."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from conversations.simulator.config import Json


@dataclass(slots=True, kw_only=True)
class Update:
    """A message or status with its contact block, or (kind `value`) a whole value of another field."""

    waba_id: str
    kind: str
    item: Json
    number_id: str = ""
    display: str = ""
    contact: Json | None = None
    time: int = 0
    extra: Json = dataclasses.field(default_factory=dict)
    # Meta's name of the notification, last so that it does not hide dataclasses' own.
    field: str = "messages"
    # Told once a POST that carried it was answered with 200, and when one was not.
    on_ack: Callable[[], None] | None = None
    on_refused: Callable[[], None] | None = None

    def copy(self) -> Update:
        """Return a duplicate that tells nobody."""
        return replace(self, on_ack=None, on_refused=None)


def envelope(updates: Sequence[Update], *, rng: random.Random, mixed: bool = False) -> Json:
    """Return the body of one POST. Neighbours of the same number and kind share a `value`, unless `mixed`."""
    entries: list[Json] = []
    entry_id, entry_time = "", -1
    previous: Update | None = None
    for update in updates:
        if entry_id != update.waba_id or entry_time != update.time or (mixed and rng.random() < 0.3):
            entry: Json = {"id": update.waba_id}
            if update.time:
                entry["time"] = update.time
            entry["changes"] = []
            entries.append(entry)
            entry_id, entry_time, previous = update.waba_id, update.time, None
        changes = entries[-1]["changes"]
        if update.kind == "value" or not _joins(previous, update) or (mixed and rng.random() < 0.3):
            changes.append({"field": update.field, "value": _value(update)})
        else:
            _append(changes[-1]["value"], update)
        previous = update
    return {"object": "whatsapp_business_account", "entry": entries}


def _joins(previous: Update | None, update: Update) -> bool:
    return (
        previous is not None
        and previous.kind == update.kind
        and previous.number_id == update.number_id
        and previous.field == update.field
    )


def _value(update: Update) -> Json:
    if update.kind == "value":
        return {**update.item, **update.extra}
    value: Json = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": update.display, "phone_number_id": update.number_id},
    }
    if update.contact is not None:
        value["contacts"] = [update.contact]
    value[update.kind] = [update.item]
    if update.extra:
        value.update(update.extra)
    return value


def _append(value: Json, update: Update) -> None:
    if update.contact is not None:
        contacts = value.setdefault("contacts", [])
        # The same person is named once in a row; matching by index must not work by luck.
        if not contacts or contacts[-1] != update.contact:
            contacts.append(update.contact)
    value[update.kind].append(update.item)
    if update.extra:
        value.update(update.extra)
