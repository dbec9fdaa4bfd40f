"""The inbox: one page whose panes are also fragments, and one address per action.

The address holds the state: `?view=…&q=…&c=<conversation>`. `HX-Target` says which pane is asked for.
"""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages as flashes
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from conversations.inbox import actions, lists, people, thread_page, threads
from conversations.models import Conversation, Department
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import DomainError, NotAllowedError

FRAGMENTS = {"rows": "rows", "more": "more", "thread": "opened", "older": "older"}


@requires("conversations.view")
@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def inbox(request: MemberRequest) -> HttpResponse:
    """Show the list and the chosen thread, or the one pane that was asked for."""
    fragment = FRAGMENTS.get(request.htmx.target or "", "") if request.htmx else ""
    context = _place(request)
    if fragment in {"", "rows", "more"}:
        context |= _list(request, context)
    if fragment in {"", "opened", "older"} and context["chosen"]:
        context |= _thread(request, _conversation(request, context["chosen"]))
    context["live"] = "live" in request.GET
    context["oob"] = fragment == "opened"
    return render(request, f"inbox/inbox.html#{fragment}" if fragment else "inbox/inbox.html", context)


@requires("conversations.view")
@require_POST
def read(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Forget the unread mark of a thread that the person looks at."""
    conversation = _conversation(request, pk)
    if request.user.can("conversations.reply"):
        threads.mark_read(conversation, by=request.user, now=timezone.now())
    return HttpResponse(status=204)


@requires("conversations.reply")
@require_POST
def typing(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the person that somebody is writing."""
    threads.writes(_conversation(request, pk), by=request.user, now=timezone.now())
    return HttpResponse(status=204)


@requires("conversations.view")
@require_POST
def act(request: MemberRequest, pk: uuid.UUID, verb: str) -> HttpResponse:
    """Do what the form says, then show the thread as it is now."""
    action = actions.VERBS.get(verb)
    if action is None:
        raise Http404(verb)
    conversation = _conversation(request, pk)
    try:
        if not request.user.can(action.permission):
            raise NotAllowedError(actions.NOT_ALLOWED)
        said = action.run(conversation, request, timezone.now())
    except DomainError as error:
        return _refused(request, pk, error)
    if request.htmx:
        response = _fragment(request, pk)
        response["HX-Trigger"] = json.dumps({"inbox:refresh": {}} | _toast(request, pk, verb, str(said)))
        return response
    if said:
        flashes.success(request, str(said))
    return redirect(_address(_place(request), pk))


def _toast(request: MemberRequest, pk: uuid.UUID, verb: str, said: str) -> dict[str, Any]:
    """Say what was done, with a way back where there is one."""
    if not said:
        return {}
    toast: dict[str, Any] = {"text": said}
    if verb in actions.UNDO:
        back = reverse("inbox:act", args=[pk, actions.UNDO[verb]]) + _query(_place(request) | {"chosen": pk})
        toast["undo"] = {"url": back, "label": gettext("Undo")}
    return {"toast": toast}


def _refused(request: MemberRequest, pk: uuid.UUID, error: DomainError) -> HttpResponse:
    """Show the thread with the reason; nothing typed is lost."""
    status = error.status if error.status in {403, 409} else 422
    context = _place(request) | _thread(request, _conversation(request, pk))
    context |= {"error": error.message, "typed": request.POST.get("text", ""), "typed_note": "note" in request.path}
    if request.htmx:
        response = render(request, "inbox/inbox.html#thread", context, status=status)
        response["HX-Trigger"] = json.dumps({"toast": {"text": str(error.message), "level": "error"}})
        return response
    flashes.error(request, str(error.message))
    return render(request, "inbox/inbox.html", context | _list(request, context), status=status)


def _fragment(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    context = _place(request) | _thread(request, _conversation(request, pk))
    return render(request, "inbox/inbox.html#thread", context)


def _conversation(request: MemberRequest, pk: uuid.UUID) -> Conversation:
    rows = Conversation.objects.visible_to(request.user).select_related(
        "contact", "number", "current_agent", "department", "queue", "active_session"
    )
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _place(request: MemberRequest) -> dict[str, Any]:
    """Read the state from the address (actions carry it in their own query string)."""
    view = lists.BY_KEY.get(request.GET.get("view", ""), lists.VIEWS[0])
    return {
        "view": view,
        "views": lists.VIEWS,
        "search": request.GET.get("q", "").replace("\x00", "").strip()[:80],
        "chosen": _uuid(request.GET.get("c", "")),
        "can_reply": request.user.can("conversations.reply"),
        "can_assign": request.user.can("conversations.assign"),
    }


def _list(request: MemberRequest, place: dict[str, Any]) -> dict[str, Any]:
    size = _number(request.GET.get("n", ""), lists.PAGE, lists.PAGE_MAX)
    cursor = request.GET.get("cursor", "")
    found = lists.page(request.user, view=place["view"], search=place["search"], cursor=cursor, size=size)
    now = timezone.now()
    chosen = place["chosen"]
    figures = lists.figures(request.user)
    base = _query(place)
    return {
        "rows": [actions.row(row, request.user, now=now, chosen=chosen, base=base) for row in found.rows],
        "next_page": f"{base}&cursor={found.next_cursor}" if found.next_cursor else "",
        "tabs": [
            {
                "view": view,
                "count": figures.get(view.key),
                "here": view is place["view"],
                "url": _view_url(view, chosen),
            }
            for view in lists.VIEWS
        ],
        "base": base,
        "cursor": cursor,
    }


def _thread(request: MemberRequest, conversation: Conversation) -> dict[str, Any]:
    user, now, place = request.user, timezone.now(), _place(request)
    page = thread_page.read(conversation, before=request.GET.get("before", ""), since=request.GET.get("from", ""))
    contact = conversation.contact
    identities = list(people.identities_of(contact))
    here = _query(place | {"chosen": conversation.pk})
    return {
        "conversation": conversation,
        "contact": contact,
        "identities": [(row.get_kind_display(), people.shown(row, user)) for row in identities],
        "title": people.title_from(contact, identities, user),
        "phone": people.address_from(identities, user),
        # What arrived as it is names the phone.
        "sees_raw": user.can("contacts.view_full"),
        "page": page,
        "earlier": "before" in request.GET,
        "older_url": f"{here}&{urlencode({'before': page.older})}" if page.older else "",
        "state": actions.state(conversation, user, now=now),
        "emojis": actions.EMOJIS,
        "here": here,
        "back": _query(place | {"chosen": None}),
        "tags": list(contact.tags.filter(deleted_at=None).order_by("name")),
        "previous": lists.recent_of_contact(conversation, user),
        "departments": list(Department.objects.filter(is_active=True, deleted_at=None).order_by("name")),
    }


def _query(place: dict[str, Any]) -> str:
    pairs = {"view": place["view"].key, "q": place["search"], "c": str(place["chosen"] or "")}
    return "?" + urlencode({key: value for key, value in pairs.items() if value})


def _view_url(view: lists.View, chosen: uuid.UUID | None) -> str:
    return "?" + urlencode({"view": view.key, **({"c": str(chosen)} if chosen else {})})


def _address(place: dict[str, Any], pk: uuid.UUID) -> str:
    return reverse("inbox:inbox") + _query(place | {"chosen": pk})


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _number(text: str, default: int, most: int) -> int:
    return max(default, min(int(text), most)) if text.isdecimal() else default
