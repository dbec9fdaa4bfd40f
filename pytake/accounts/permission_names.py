"""What permissions and system roles are called; the rows hold their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SUBJECTS: Final[Mapping[str, Promise]] = {
    "ai": _("AI assistant"),
    "analytics": _("Analytics"),
    "audit": _("Audit log"),
    "automations": _("Automations"),
    "billing": _("Billing"),
    "calendars": _("Calendars"),
    "campaigns": _("Campaigns"),
    "chatbots": _("Chatbots"),
    "contacts": _("Contacts"),
    "conversations": _("Conversations"),
    "integrations": _("Integrations"),
    "jobs": _("Failed jobs"),
    "numbers": _("Numbers"),
    "organization": _("Organization"),
    "privacy": _("Privacy"),
    "queues": _("Queues"),
    "roles": _("Roles"),
    "secrets": _("Secrets"),
    "templates": _("Message templates"),
    "users": _("People"),
}
VERBS: Final[Mapping[str, Promise]] = {
    "activate": _("switch on and off"),
    "assign": _("assign"),
    "assign_roles": _("give roles"),
    "create": _("create"),
    "deactivate": _("deactivate"),
    "delete": _("delete"),
    "edit": _("edit"),
    "export": _("export"),
    "manage": _("manage"),
    "publish": _("publish"),
    "pull": _("take from the queue"),
    "reply": _("answer"),
    "reveal": _("show the value"),
    "run": _("run"),
    "start": _("start"),
    "test": _("try"),
    "use": _("use"),
    "view": _("view"),
    "view_full": _("view in full"),
}
ROLES: Final[Mapping[str, Promise]] = {
    "super_admin": _("Platform operator"),
    "org_admin": _("Administrator"),
    "agent": _("Agent"),
    "viewer": _("Viewer"),
}


def of_permission(code: str) -> str:
    """Return `contacts.edit` as "Contacts: edit", in the reader's language."""
    subject, _dot, verb = code.partition(".")
    return f"{SUBJECTS.get(subject, subject)}: {VERBS.get(verb, verb)}"


def of_system_role(name: str) -> str:
    """Return what a system role is called in the reader's language."""
    return str(ROLES.get(name, name))
