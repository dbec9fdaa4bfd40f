"""Healing what a crash left behind: leases that ran out, outcomes that never became known."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from conversations.settling import RECONCILE
from pytake.infra import tenancy


def sweep(*, now: datetime) -> tuple[int, int]:
    """Make expired leases `unknown` and unsettled unknowns `abandoned`. Nothing is ever resent here.

    Returns how many of each. A message of an expired lease may have been sent: the claim is committed
    before the request leaves.
    """
    with tenancy.platform_scope("heal sends whose worker died"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE conversations_message SET dispatch_state = 'unknown', reconcile_until = %(until)s, "
            "error_code = 'worker_died', claimed_until = NULL, claim_token = NULL "
            "WHERE dispatch_state = 'sending' AND claimed_until < %(now)s",
            {"now": now, "until": now + RECONCILE},
        )
        unknown = int(cursor.rowcount)
        cursor.execute(
            "UPDATE conversations_message SET dispatch_state = 'abandoned' "
            "WHERE dispatch_state = 'unknown' AND reconcile_until < %s",
            [now],
        )
        return unknown, int(cursor.rowcount)
