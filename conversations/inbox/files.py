"""How the file of a message is shown: player, picture or download; what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.media import kinds
from conversations.models import MediaFile, Message, SharedFile

_S = MediaFile.State
# What fetching may end with, in words. Everything else is a passing failure of the network or the provider.
REASONS: Final[dict[str, str | Promise]] = {
    "expired": gettext_lazy("WhatsApp keeps files for 7 days; this one was not fetched in time."),
    "gone": gettext_lazy("WhatsApp does not have this file any more. Ask the customer to send it again."),
    "too_large": gettext_lazy("The file is larger than what is accepted here."),
    "131052": gettext_lazy("WhatsApp could not pass the file on, mostly because it is too large."),
    "token": gettext_lazy("The access token of the number is not valid. Talk to an administrator."),
    "damaged": gettext_lazy("The file arrived damaged."),
    "foreign_address": gettext_lazy("The file is at an address that is not WhatsApp's; it was not fetched."),
    "private_address": gettext_lazy("The file is at an address inside a private network; it was not fetched."),
    "storage": gettext_lazy("The file could not be stored. Talk to an administrator."),
    "no_id": gettext_lazy("WhatsApp announced a file but did not say where it is."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The file of a bubble. `view` is image, sticker, audio, video, file, named, waiting or broken."""

    view: str
    name: str
    size: int | None
    pk: Any
    reason: str | Promise = ""
    warning: str = ""
    can_retry: bool = False
    attempts: int = 0


def of(message: Message) -> Shown | None:
    """Return what to show of the file of a message; None without one."""
    row: MediaFile | None = getattr(message, "media", None)
    if row is None:
        return None
    name = kinds.safe_name(row.filename, mime_type=row.mime_type) if row.filename else ""
    facts: dict[str, Any] = {"name": name, "size": row.size, "pk": message.pk, "attempts": row.attempts}
    if row.state == _S.PENDING:
        reason = _reason(row) if row.error_code else ""
        return Shown(view="waiting", reason=reason, **facts)
    if row.state != _S.STORED:
        again = row.state != _S.ERASED and bool(row.provider_media_id)
        return Shown(view="broken", reason=_reason(row), can_retry=again, **facts)
    return Shown(view=_view(row, message), warning=_warning(row), **facts)


def of_shared(row: SharedFile, message: Message) -> Shown:
    """Return what to show of a file of ours that a message carries."""
    return Shown(view=_view(row, message), name=row.filename, size=row.size, pk=message.pk)


def _view(row: MediaFile | SharedFile, message: Message) -> str:
    if row.mime_type in kinds.IMAGES:
        return "sticker" if message.message_type == "sticker" else "image"
    if row.mime_type in kinds.AUDIO or (row.mime_type in kinds.VIDEO and message.message_type == "audio"):
        return "audio"
    return "video" if row.mime_type in kinds.VIDEO else "file"


def _reason(row: MediaFile) -> str | Promise:
    if row.state == _S.ERASED:
        return _("The file was erased.")
    known = REASONS.get(row.error_code)
    return known or _("WhatsApp did not hand the file over (%(code)s).") % {"code": row.error_code or "?"}


def _warning(row: MediaFile) -> str:
    if row.mime_type in kinds.ACTIVE or kinds.is_lying(row.declared_type, row.mime_type):
        return _("Announced as %(announced)s, but it is %(found)s. Be careful with it.") % {
            "announced": row.declared_type or "?",
            "found": row.mime_type,
        }
    return ""
