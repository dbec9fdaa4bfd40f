"""The session of a conversation, shown in the inbox's contact panel."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from conversations.models import Conversation
from flows.pages import session_path
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest


@requires("conversations.view")
@require_GET
@vary_on_headers("HX-Request")
def session_of(request: MemberRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Show where the bot stands in a conversation; as a fragment, or as a page of its own."""
    conversation = Conversation.objects.visible_to(request.user).filter(pk=conversation_id).first()
    if conversation is None:
        raise Http404
    session = session_path.newest(conversation)
    context: dict[str, Any] = {"conversation": conversation, "session": None}
    if session is not None:
        context |= session_path.described(session, request.user)
        context["can_open_flow"] = request.user.can("chatbots.view")
    return render(request, "flows/session_body.html" if request.htmx else "flows/session.html", context)
