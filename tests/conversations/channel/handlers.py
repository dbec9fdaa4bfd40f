"""Inbound handlers for tests: named in the settings, like those of the product."""

from __future__ import annotations

import threading
import uuid
from typing import Final

from django.db import connection

from conversations.inbound_batch import InboundBatch

_lock: Final = threading.Lock()
SEEN: Final[list[str]] = []


def record(batch: InboundBatch) -> set[uuid.UUID]:
    """Note what is said; a message that says "poison" fails."""
    with _lock:
        SEEN.extend(message.text for message in batch.messages)
    if any(message.text.startswith("poison") for message in batch.messages):
        raise ValueError("poison was tasted")
    return {message.pk for message in batch.messages}


def record_slowly(batch: InboundBatch) -> set[uuid.UUID]:
    """Take so long that another worker comes meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.05)")
    return record(batch)


def claim_nothing(batch: InboundBatch) -> set[uuid.UUID]:
    """Leave every message to the next handler."""
    with _lock:
        SEEN.extend(f"passed {message.text}" for message in batch.messages)
    return set()
