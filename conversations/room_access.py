"""Who may hear what happens to a thread, or to the inbox (settings name these functions)."""

from __future__ import annotations

import uuid

from conversations.models import Conversation
from pytake.accounts.models import User
from pytake.infra import tenancy


def may_hear_thread(user: User, key: uuid.UUID) -> bool:
    """Return whether the person may see the thread."""
    return user.can("conversations.view") and Conversation.objects.visible_to(user).filter(pk=key).exists()


def may_hear_inbox(user: User, key: uuid.UUID) -> bool:
    """Return whether the person may see the organization's inbox."""
    return user.can("conversations.view") and key == tenancy.current_organization_id()
