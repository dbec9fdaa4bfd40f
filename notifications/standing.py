"""Whose sockets must be closed: people switched off, sessions ended, passwords changed, tokens revoked."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.sessions.models import Session
from django.db.models import Q

from notifications.tickets import Credential
from pytake.accounts.authentication import may_sign_in
from pytake.accounts.models import ApiToken, RefreshToken, User
from pytake.infra import tenancy


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A socket's credential, and the mark of the password that was valid when it was opened."""

    socket_id: uuid.UUID
    credential: Credential
    password_mark: str


def lost(held: Sequence[Held], *, now: datetime) -> set[uuid.UUID]:
    """Return the sockets whose credential is not good any more (four queries, however many there are)."""
    people = User.objects.get_queryset().select_related("organization")
    users = {user.pk: user for user in people.filter(pk__in={item.credential.user_id for item in held})}
    good = {user.pk for user in users.values() if may_sign_in(user)}
    keys = {item.credential.session_key for item in held if item.credential.session_key}
    sessions = set(
        Session.objects.filter(session_key__in=keys, expire_date__gt=now).values_list("session_key", flat=True)
    )
    families = _families({item.credential.family_id for item in held if item.credential.family_id}, now=now)
    tokens = _api_tokens({item.credential.api_token_id for item in held if item.credential.api_token_id}, now=now)

    def stands(item: Held) -> bool:
        credential = item.credential
        if credential.user_id not in good:
            return False
        if credential.session_key is not None:
            mark = users[credential.user_id].get_session_auth_hash()
            return credential.session_key in sessions and mark == item.password_mark
        if credential.family_id is not None:
            return credential.family_id in families
        return credential.api_token_id is None or credential.api_token_id in tokens

    return {item.socket_id for item in held if not stands(item)}


def _families(ids: set[uuid.UUID], *, now: datetime) -> set[uuid.UUID]:
    if not ids:
        return set()
    alive = RefreshToken.objects.filter(family_id__in=ids, revoked_at__isnull=True, expires_at__gt=now)
    return set(alive.values_list("family_id", flat=True))


def _api_tokens(ids: set[uuid.UUID], *, now: datetime) -> set[uuid.UUID]:
    if not ids:
        return set()
    with tenancy.platform_scope("one process holds sockets of many organizations' tokens"):
        alive = ApiToken.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), revoked_at__isnull=True)
        return set(alive.filter(pk__in=ids).values_list("pk", flat=True))
