"""How django-allauth behaves here: no public sign-up; people are invited or register an organization."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Sign-in by e-mail and password only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Members are created by administrators; organizations register through the API."""
        return False
