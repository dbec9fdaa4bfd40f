"""Writing after the window has closed: choose an approved template, fill it in, see it, send it."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any, Final

from django.contrib import messages as flashes
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from conversations.consent import rules
from conversations.content import ContentError, Template
from conversations.inbox import actions, people, threads
from conversations.message_templates import filling, parts, wording
from conversations.models import Contact, Conversation, WhatsAppTemplate
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import ConflictError, DomainError
from pytake.infra.ids import new_id

SHOWN: Final = 30


@requires("conversations.reply")
@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def template(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Offer templates, then the variables of the chosen one; send it when it is posted."""
    conversation = _conversation(request, pk)
    if not actions.may_send_template(conversation, request.user):
        raise PermissionDenied
    given = request.POST if request.method == "POST" else request.GET
    chosen = _chosen(conversation, given.get("t", ""))
    context: dict[str, Any] = {"conversation": conversation, "title": people.title(conversation.contact, request.user)}
    if chosen is None:
        context |= _offers(conversation, request.GET.get("q", ""))
        return _answer(request, context)
    if request.method == "GET":
        values = filling.prefilled(chosen.components, contact_name=_name_of(conversation.contact))
        # The key names this form: pressing twice sends once.
        return _answer(request, context | _form(chosen, values) | {"client_key": f"template-{new_id().hex}"})
    values = _values(request, chosen)
    if "preview" in request.GET:
        return render(request, "inbox/template.html#preview", _form(chosen, values))
    return _send(request, conversation, chosen, values, context)


def _conversation(request: MemberRequest, pk: uuid.UUID) -> Conversation:
    rows = Conversation.objects.visible_to(request.user).select_related("contact", "number", "current_agent")
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _usable(conversation: Conversation) -> Any:
    account = conversation.number.whatsapp_business_account_id
    return WhatsAppTemplate.objects.usable().filter(account_id=account).exclude(category="AUTHENTICATION")


def _chosen(conversation: Conversation, text: str) -> WhatsAppTemplate | None:
    try:
        key = uuid.UUID(text)
    except ValueError:
        return None
    row: WhatsAppTemplate | None = _usable(conversation).filter(pk=key).first()
    return row if row and filling.can_be_filled(row.components, row.category) else None


def _offers(conversation: Conversation, search: str) -> dict[str, Any]:
    """Return the templates that fit, those in the language of most first."""
    search = search.replace("\x00", "").strip()[:80]
    rows = _usable(conversation)
    if search:
        rows = rows.filter(Q(name__icontains=search.replace(" ", "_")) | Q(body_text__icontains=search))
    found = [row for row in rows.order_by("name", "language")[: SHOWN * 2] if _fits(row)]
    common = Counter(row.language for row in found)
    found = sorted(found, key=lambda row: -common[row.language])[:SHOWN]
    offers = [{"row": row, "language": wording.LANGUAGES.get(row.language, row.language)} for row in found]
    return {"offers": offers, "search": search, "chosen": None}


def _fits(row: WhatsAppTemplate) -> bool:
    return filling.can_be_filled(row.components, row.category)


def _name_of(contact: Contact) -> str:
    return str(contact.name or contact.profile_name or "")


def _values(request: MemberRequest, row: WhatsAppTemplate) -> dict[str, str]:
    keys = [slot.key for slot in parts.slots(row.components)]
    return {key: request.POST.get(f"value-{key}", "").replace("\x00", "")[:2000] for key in keys}


def _form(row: WhatsAppTemplate, values: dict[str, str], wrong: dict[str, str] | None = None) -> dict[str, Any]:
    slots = [
        {"slot": slot, "value": values.get(slot.key, ""), "error": (wrong or {}).get(slot.key, "")}
        for slot in parts.slots(row.components)
    ]
    return {
        "chosen": row,
        "language": wording.LANGUAGES.get(row.language, row.language),
        "slots": slots,
        "shown": parts.shown(row.components, {key: parts.cleaned(value) for key, value in values.items()}),
    }


def _answer(request: MemberRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    name = "inbox/template.html#picker" if request.htmx else "inbox/template.html"
    return render(request, name, context, status=status)


def _send(
    request: MemberRequest,
    conversation: Conversation,
    row: WhatsAppTemplate,
    values: dict[str, str],
    context: dict[str, Any],
) -> HttpResponse:
    wrong = {slot.key: gettext("Fill this in.") for slot in filling.missing(row.components, values)}
    said = ""
    try:
        content = _content(row, values, wrong)
        if content is not None:
            _refuse_unwanted(conversation, row)
            key = request.POST.get("client_key", "")[:64] or None
            threads.send(conversation, content, by=request.user, now=timezone.now(), client_key=key)
            return _sent(request, conversation)
    except DomainError as error:
        said = str(error.message)
    context |= _form(row, values, wrong) | {"said": said, "client_key": request.POST.get("client_key", "")}
    # htmx shows what was refused in place.
    return _answer(request, context, status=200 if request.htmx else 422)


def _content(row: WhatsAppTemplate, values: dict[str, str], wrong: dict[str, str]) -> Template | None:
    """Return the message; None with the problem written down when it does not fit."""
    if wrong:
        return None
    try:
        return filling.content(row.name, row.language, row.components, values)
    except ContentError as error:
        key = next((slot.key for slot in parts.slots(row.components) if error.field.startswith(slot.place)), "")
        text = gettext("The text is too long, or not a link: WhatsApp takes at most %(limit)s characters here.")
        wrong[key] = text % {"limit": error.limit}
        if not key:
            raise DomainError(wrong[key]) from error
        return None


def _refuse_unwanted(conversation: Conversation, row: WhatsAppTemplate) -> None:
    """Refuse promotions to people who do not want them: the agent's word is not their consent."""
    if row.category != WhatsAppTemplate.Category.MARKETING:
        return
    refusal = rules.refusal(
        conversation.contact, number_id=conversation.number_id, sender_type="agent", priority=rules.PROMOTIONS_FROM
    )
    if refusal:
        raise ConflictError(gettext("This contact does not want promotions. Choose a utility template."))


def _sent(request: MemberRequest, conversation: Conversation) -> HttpResponse:
    if request.htmx:
        response = HttpResponse(status=204)
        told: dict[str, Any] = {"template:sent": {}, "inbox:refresh": {}, "inbox:reread": {}}
        response["HX-Trigger"] = json.dumps(told | {"toast": {"text": gettext("Template sent")}})
        return response
    flashes.success(request, gettext("Template sent"))
    return redirect(f"{reverse('inbox:inbox')}?view=all&c={conversation.pk}")
