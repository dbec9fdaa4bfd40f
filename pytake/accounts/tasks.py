"""Background work of accounts. Each task may be repeated."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from pytake.accounts import housekeeping, mail
from pytake.accounts.models import User


@shared_task(name="accounts.mail_reset")
def mail_reset(*, email: str, **_: Any) -> None:
    """Mail a link to choose a new password."""
    mail.send_reset(email)


@shared_task(name="accounts.mail_invitation")
def mail_invitation(*, user_id: str, **_: Any) -> None:
    """Mail a new member the link to choose the first password."""
    user = User.objects.alive().filter(pk=user_id).first()
    if user is not None:
        mail.send_invitation(user)


@shared_task(name="accounts.keep_house")
def keep_house(**_: Any) -> None:
    """End trials, delete what has expired."""
    housekeeping.run(now=timezone.now())
