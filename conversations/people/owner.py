"""For which organization something is made."""

from __future__ import annotations

import uuid

from django.utils.translation import gettext_lazy as _

from pytake.core.errors import ConflictError
from pytake.infra import tenancy


def of_new_rows() -> uuid.UUID:
    """Return the organization of the context; platform operators choose one first. Raises ConflictError."""
    found = tenancy.current_organization_id()
    if found is None:
        raise ConflictError(_("Choose first for which organization you act."))
    return found
