"""Consent that people record, and a contact's history for pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import transaction

from conversations.consent import ledger
from conversations.models import ConsentEvent, Contact
from pytake.accounts import audit
from pytake.accounts.models import User

HISTORY_MAX: Final = 50
_P, _A = ConsentEvent.Purpose, ConsentEvent.Action
_CHOICES: Final = {
    "no_promotions": ((_P.MARKETING, _A.OPT_OUT),),
    "nothing": ((_P.MARKETING, _A.OPT_OUT), (_P.UTILITY, _A.OPT_OUT)),
    "everything": ((_P.MARKETING, _A.OPT_IN), (_P.UTILITY, _A.OPT_IN)),
}


@transaction.atomic
def record(contact: Contact, *, choice: str, reason: str, by: User, request: Any, now: datetime) -> None:
    """Record what the customer told a person, with the reason as evidence."""
    ledger.record(
        [
            ledger.Fact(
                contact_id=contact.pk,
                purpose=purpose,
                action=action,
                source=ConsentEvent.Source.AGENT,
                at=now,
                by=by.pk,
                evidence={"reason": reason},
            )
            for purpose, action in _CHOICES[choice]
        ],
        now=now,
    )
    audit.record(action="contact.consent", entity=contact, by=by, changes={"choice": choice}, request=request)


def history(contact: Contact) -> list[ConsentEvent]:
    """Return the newest events of a contact, newest first."""
    rows = ConsentEvent.objects.filter(contact=contact).select_related("number", "actor_user")
    return list(rows.order_by("-occurred_at", "-pk")[:HISTORY_MAX])


@transaction.atomic
def record_event(
    contact: Contact,
    *,
    purpose: str,
    action: str,
    legal_basis: str,
    evidence: dict[str, Any],
    at: datetime,
    by: User,
    request: Any,
    now: datetime,
) -> None:
    """Record one event that a program reports, with its evidence."""
    fact = ledger.Fact(
        contact_id=contact.pk,
        purpose=purpose,
        action=action,
        source=ConsentEvent.Source.API,
        at=at,
        by=by.pk,
        legal_basis=legal_basis,
        evidence=evidence,
    )
    ledger.record([fact], now=now)
    changes = {"purpose": purpose, "action": action}
    audit.record(action="contact.consent", entity=contact, by=by, changes=changes, request=request)
