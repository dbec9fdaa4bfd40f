"""The catalogue of permissions and the bundles that the system roles are.

Code asks for permissions (`user.can("contacts.edit")`), never for role names. Organizations may add
custom roles, which give further permissions to a person; they live in rows (`Role`, `UserRole`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.apps import apps

from pytake.infra import tenancy

if TYPE_CHECKING:
    from pytake.accounts.models import User

_VIEW: Final = frozenset(
    {
        "chatbots.view",
        "users.view",
        "conversations.view",
        "analytics.view",
        "contacts.view",
        "campaigns.view",
        "automations.view",
        "numbers.view",
        "templates.view",
        "queues.view",
    }
)
_AGENT: Final = _VIEW | {
    "chatbots.edit",
    "chatbots.test",
    "conversations.reply",
    "conversations.assign",
    "contacts.create",
    "contacts.edit",
    "contacts.delete",
    "contacts.view_full",
    "campaigns.create",
    "campaigns.edit",
    "campaigns.start",
    "automations.create",
    "automations.edit",
    "automations.run",
    "queues.pull",
    "ai.use",
    "secrets.view",
}
_ADMIN: Final = _AGENT | {
    "chatbots.create",
    "chatbots.delete",
    "chatbots.activate",
    "chatbots.publish",
    "users.create",
    "users.edit",
    "users.deactivate",
    "users.assign_roles",
    "analytics.export",
    "campaigns.delete",
    "automations.delete",
    "numbers.manage",
    "templates.manage",
    "queues.manage",
    "calendars.manage",
    "ai.manage",
    "secrets.manage",
    "secrets.reveal",
    "contacts.export",
    "privacy.manage",
    "organization.manage",
    "billing.view",
    "audit.view",
    "jobs.manage",
    "integrations.manage",
    "roles.manage",
}

CATALOGUE: Final = tuple(sorted(_ADMIN))
_BUNDLES: Final = {
    "viewer": _VIEW,
    "agent": _AGENT,
    "org_admin": _ADMIN,
    "super_admin": _ADMIN,
}

# Which permission opens a model in the admin: (to look, to change). Models not named here are
# opened to super administrators only.
ADMIN_MODELS: dict[str, tuple[str, str]] = {}


def bundle(role: str) -> frozenset[str]:
    """Return the permissions of a system role; none for an unknown one."""
    return _BUNDLES.get(role, frozenset())


def custom_codes(user: User) -> frozenset[str]:
    """Return the permissions that the person's custom roles add (one query)."""
    user_role = apps.get_model("accounts", "UserRole")
    if user.organization_id is None:
        return frozenset()
    # The person's own organization, whatever the context: asked before one is entered, too.
    with tenancy.organization_context(user.organization_id):
        held = user_role.objects.filter(user=user, role__is_active=True)
        return frozenset(code for code in held.values_list("role__permissions__code", flat=True) if code)


def register_admin(model_label: str, *, view: str, change: str) -> None:
    """Open `app_label.model` in the admin to holders of the permissions."""
    ADMIN_MODELS[model_label] = (view, change)


def allows_django_perm(user: User, perm: str) -> bool:
    """Translate Django's `app.change_model` into our permissions."""
    app_label, _, codename = perm.partition(".")
    verb, _, model = codename.partition("_")
    entry = ADMIN_MODELS.get(f"{app_label}.{model}")
    if entry is None:
        return False
    view, change = entry
    return user.can(view if verb == "view" else change)
