"""What WhatsApp says of a number, in our words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from conversations.models import WhatsAppNumber

_STATUS: Final = {
    "CONNECTED": WhatsAppNumber.Status.CONNECTED,
    "PENDING": WhatsAppNumber.Status.PENDING,
    "MIGRATED": WhatsAppNumber.Status.DISCONNECTED,
    "DISCONNECTED": WhatsAppNumber.Status.DISCONNECTED,
    "DELETED": WhatsAppNumber.Status.DISCONNECTED,
    "UNVERIFIED": WhatsAppNumber.Status.PENDING,
}
# They work, with less than usual.
_LIMITED: Final = frozenset({"FLAGGED", "RATE_LIMITED", "RESTRICTED"})
_QUALITIES: Final = frozenset({"GREEN", "YELLOW", "RED", "FLAGGED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Columns of a number as WhatsApp shows them; empty where it says nothing."""

    verified_name: str
    name_state: str
    quality_rating: str
    messaging_limit_tier: str
    throughput_level: str
    status: str
    status_reason: str

    def columns(self) -> dict[str, str]:
        """Return what is to be written: never an empty value over a known one, but for the reason."""
        found = {item.name: str(getattr(self, item.name)) for item in fields(self)}
        return {name: value for name, value in found.items() if value or name == "status_reason"}


def read(data: Mapping[str, Any]) -> Seen:
    """Return what an answer about a number says."""
    raw = _text(data, "status").upper()
    throughput = data.get("throughput")
    return Seen(
        verified_name=_text(data, "verified_name")[:120],
        name_state=_text(data, "name_status")[:32],
        quality_rating=quality(_text(data, "quality_rating")),
        messaging_limit_tier=tier(data.get("whatsapp_business_manager_messaging_limit")),
        throughput_level=_text(throughput if isinstance(throughput, Mapping) else {}, "level")[:16],
        status=status(raw),
        status_reason="" if raw in {"", "CONNECTED"} else f"WhatsApp: {raw}"[:255],
    )


def status(raw: str) -> str:
    """Return our state for the provider's; one that we do not know is an error that people see."""
    if not raw:
        return ""
    if raw in _LIMITED:
        return WhatsAppNumber.Status.CONNECTED
    return _STATUS.get(raw, WhatsAppNumber.Status.ERROR)


def quality(raw: str) -> str:
    """Return the quality rating; what is not known is UNKNOWN."""
    return raw if raw in _QUALITIES else "UNKNOWN" if raw else ""


def tier(raw: Any) -> str:
    """Return the messaging limit as `TIER_…`: it comes as a text, a number (-1: no limit) or an object."""
    if isinstance(raw, Mapping):
        raw = raw.get("messaging_limit_tier") or raw.get("current_limit") or ""
    if isinstance(raw, bool) or raw in (None, "", "NOT_SET", "TIER_NOT_SET"):
        return ""
    if isinstance(raw, int) or (isinstance(raw, str) and raw.lstrip("-").isdecimal()):
        amount = int(raw)
        if amount < 0:
            return "TIER_UNLIMITED"
        return f"TIER_{amount // 1000}K" if amount >= 1000 and amount % 1000 == 0 else f"TIER_{amount}"
    text = str(raw).upper()[:24]
    return text if text.startswith("TIER_") else ""


def people_a_day(text: str) -> int | None:
    """Return how many people a tier lets a portfolio begin talking to in 24 hours; None without a limit or unknown."""
    amount = text.removeprefix("TIER_")
    if amount.endswith("K") and amount[:-1].isdecimal():
        return int(amount[:-1]) * 1000
    return int(amount) if amount.isdecimal() else None


def expiry(facts: Mapping[str, Any]) -> datetime | None:
    """Return when a token ends; None when it does not."""
    instants = [facts.get("expires_at"), facts.get("data_access_expires_at")]
    known = [float(value) for value in instants if isinstance(value, int | float) and value > 0]
    try:
        return datetime.fromtimestamp(min(known), tz=UTC) if known else None
    except (OverflowError, OSError, ValueError):
        return None


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
