"""The border with a provider: what is asked of it, and what may come back.

Every send ends in exactly one of four outcomes. The difference between "surely not sent" and "perhaps sent"
decides whether a message may be tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message ready to leave. `callback` is our id, echoed in every status."""

    to_kind: str
    to: str
    content: Mapping[str, Any]
    callback: str
    reply_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took it. `wamid` is empty when a 2xx could not be read."""

    wamid: str
    http_status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Surely not processed: may be tried again after `wait_s`. `throttled` does not consume an attempt."""

    code: str
    detail: str
    wait_s: float
    throttled: bool = False
    http_status: int | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Retrying cannot help. `scope` says what it concerns: message, recipient, template, promotions, account."""

    code: str
    detail: str
    scope: str
    http_status: int | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """No answer, or none that tells: it may have been sent. Never resent by itself."""

    code: str
    detail: str
    http_status: int | None = None
    trace: str = ""


Outcome: TypeAlias = Accepted | NotSent | Refused | Unknown


class Gateway(Protocol):
    """A provider's sending side."""

    async def send(self, message: Outgoing) -> Outcome:
        """Send one message. Never raises for what the network or the provider does."""
        ...

    async def mark_read(self, message_id: str, *, typing: bool = False) -> Outcome:
        """Mark a message of a person and all earlier ones as read; `typing` shows that somebody is writing."""
        ...


class Closed:
    """A gateway that refuses everything for one reason."""

    def __init__(self, refusal: Refused) -> None:
        self._refusal = refusal

    async def send(self, message: Outgoing) -> Outcome:
        """Refuse."""
        return self._refusal

    async def mark_read(self, message_id: str, *, typing: bool = False) -> Outcome:
        """Refuse."""
        return self._refusal
