"""What an organization's plan allows, and holding creations against it."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from pytake.accounts.models import Organization, User
from pytake.accounts.models.organizations import UNLIMITED
from pytake.core.errors import PlanLimitError

TRIAL_PLAN: Final = "professional"
AFTER_TRIAL_PLAN: Final = "free"


def locked(organization: Organization) -> Organization:
    """Return the organization's row locked, so that two creations cannot both take the last place."""
    return Organization.objects.select_for_update(of=("self",)).select_related("plan").get(pk=organization.pk)


def refuse_beyond(organization: Organization, limit_name: str, *, used: int, wanted: int = 1) -> None:
    """Raise PlanLimitError if `wanted` more objects exceed the limit (`max_users`, `max_chatbots`, …).

    Call it inside a transaction with a `locked` organization.
    """
    limit = organization.limit(limit_name)
    if limit != UNLIMITED and used + wanted > limit:
        raise PlanLimitError(
            _("The plan of your organization allows no more of these."),
            extra={"limit": limit, "used": used, "plan": organization.plan.code, "metric": limit_name},
        )


def seats_taken(organization: Organization) -> int:
    """Return how many users count against the plan."""
    return User.objects.alive().filter(organization=organization, is_active=True).count()
