"""What real deliveries suffer: duplicates, wrong order, odd values, forged POSTs. Pure but for the generator."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Final

from conversations.simulator.config import Disorder
from conversations.simulator.updates import Update

FORGERIES: Final = ("bad_signature", "missing_signature", "foreign_signature")
FOREIGN_SECRET: Final = "secret-of-somebody-else"  # noqa: S105 - it must not be the secret of anybody


def disturbed(update: Update, settings: Disorder, rng: random.Random) -> Iterator[tuple[float, Update]]:
    """Yield (delay in seconds, update) for everything that goes out instead of `update`; usually itself alone."""
    update = _garnished(update, settings, rng)
    yield _delay(settings, rng), update
    if settings.duplicate_item and rng.random() < settings.duplicate_item:
        yield _delay(settings, rng), update.copy()
    if settings.unknown_field and rng.random() < settings.unknown_field:
        yield 0.0, _strange(update, field=f"field_from_the_future_{rng.randrange(100)}")
    if settings.unknown_type and rng.random() < settings.unknown_type:
        yield 0.0, _unknown_type(update, rng)


def is_calm(settings: Disorder) -> bool:
    """Say whether updates pass untouched."""
    return not any(
        (
            settings.duplicate_item,
            settings.reorder,
            settings.delay_ms[1],
            settings.unknown_field,
            settings.unknown_type,
            settings.unknown_keys,
            settings.null_values,
            settings.missing_contacts,
            settings.nul_character,
            settings.lone_surrogate,
        )
    )


def forgeries(settings: Disorder, rng: random.Random) -> Iterator[str]:
    """Yield which forged copies accompany a POST."""
    for name in FORGERIES:
        share = getattr(settings, name)
        if share and rng.random() < share:
            yield name


def _delay(settings: Disorder, rng: random.Random) -> float:
    delay = rng.uniform(settings.delay_ms[0], settings.delay_ms[1]) / 1000 if settings.delay_ms[1] else 0.0
    if settings.reorder and rng.random() < settings.reorder:
        delay += rng.uniform(0, settings.reorder_window_s)
    return delay


def _garnished(update: Update, settings: Disorder, rng: random.Random) -> Update:
    if settings.missing_contacts and rng.random() < settings.missing_contacts:
        update.contact = None
    if settings.unknown_keys and rng.random() < settings.unknown_keys:
        update.item = {**update.item, "key_from_the_future": {"a": [1, None, "x"]}}
        update.extra = {"another_new_key": True}
    if settings.null_values and rng.random() < settings.null_values:
        update.item = {**update.item, "context": None, "errors": None, "referral": None}
    if settings.nul_character and rng.random() < settings.nul_character:
        update.item = _with_text(update.item, "\u0000")
    if settings.lone_surrogate and rng.random() < settings.lone_surrogate:
        update.item = _with_text(update.item, "\ud83d")
    return update


def _with_text(item: dict[str, object], suffix: str) -> dict[str, object]:
    item = copy.deepcopy(item)
    text = item.get("text")
    if isinstance(text, dict):
        text["body"] = f"{text.get('body', '')}{suffix}"
    return item


def _strange(update: Update, *, field: str) -> Update:
    return Update(waba_id=update.waba_id, kind="value", field=field, item={"anything": [1, {"b": None}]})


def _unknown_type(update: Update, rng: random.Random) -> Update:
    item = {
        "from": "5511900000000",
        "id": f"wamid.STRANGE{rng.randrange(10**12)}",
        "timestamp": "1795000000",
        "type": "hologram",
        "hologram": {"depth": 3},
    }
    return Update(
        waba_id=update.waba_id, kind="messages", item=item, number_id=update.number_id, display=update.display
    )
