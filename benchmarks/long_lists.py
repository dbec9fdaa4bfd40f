"""First byte of the pages that people live in, with a million messages in the database."""

from __future__ import annotations

import os
import time
from typing import Any

from benchmarks import harness, world

CONVERSATIONS = 2_000 if harness.quick() else 50_000
MESSAGES_EACH = 20
ROUNDS = 5 if harness.quick() else 20

_PEOPLE = """
INSERT INTO conversations_contact (id, organization_id, created_at, updated_at, name, profile_name, username, email,
    company, language, document, notes, attributes, source, lifecycle_stage, lead_score, is_vip, is_blocked,
    blocked_reason, opt_in, total_messages_sent, total_messages_received, total_conversations, last_message_received_at)
SELECT gen_random_uuid(), %(organization)s, now(), now(), 'Cliente ' || i, '', '', '', '', '', '', '', '{}', 'inbound',
    '', 0, false, false, '', true, 0, 0, 1, now() - i * interval '100 seconds'
FROM generate_series(1, %(count)s) i
"""
_ADDRESSES = """
INSERT INTO conversations_contactidentity (id, organization_id, created_at, updated_at, contact_id, kind, value,
    canonical_key, e164, known_forms, scope, is_primary, source)
SELECT gen_random_uuid(), organization_id, now(), now(), id, 'wa_id', '55' || row_number() OVER (),
    'bench:' || row_number() OVER (), '', '[]', '', true, 'inbound'
FROM conversations_contact
"""
_THREADS = """
INSERT INTO conversations_conversation (id, organization_id, created_at, updated_at, contact_id, number_id, status,
    is_bot_active, is_human_requested, priority, close_reason, last_message_preview, last_message_sender, unread_count,
    total_messages, messages_from_contact, messages_from_agent, messages_from_bot, subject, context, lock_version,
    last_message_at, waiting_since, queued_at, window_expires_at)
SELECT gen_random_uuid(), organization_id, now(), now(), id, %(number)s,
    (ARRAY['open', 'queued', 'closed', 'resolved', 'closed'])[1 + (row_number() OVER ()) %% 5], true, false, 0, '',
    'Bom dia, tudo bem?', 'contact', 1, %(each)s, %(each)s, 0, 0, '', '{}', 0,
    last_message_received_at, last_message_received_at, last_message_received_at, now() + interval '20 hours'
FROM conversations_contact
"""
_MESSAGES = """
INSERT INTO conversations_message (id, organization_id, created_at, updated_at, conversation_id, number_id, contact_id,
    direction, sender_type, message_type, content, text, is_internal_note, is_test, address_kind, address_value, status,
    dispatch_state, attempts, error_code, error_title, error_details, price_category, priority, sequence, extra)
SELECT gen_random_uuid(), organization_id, last_message_at - i * interval '9 days', now(), id, number_id, contact_id,
    'inbound', 'contact', 'text', '{"text": {"body": "Bom dia"}}', 'Bom dia, tudo bem?', false, false, '', '',
    'received', 'none', 0, '', '', '', '', 50, 0, '{}'
FROM conversations_conversation CROSS JOIN generate_series(1, %(each)s) i
"""


def fill(organization_id: str, number_id: str) -> int:
    """Insert the rows; return the number of messages."""
    from django.db import connection

    values: dict[str, Any] = {
        "organization": organization_id,
        "number": number_id,
        "count": CONVERSATIONS,
        "each": MESSAGES_EACH,
    }
    with connection.cursor() as cursor:
        for statement in (_PEOPLE, _ADDRESSES, _THREADS, _MESSAGES):
            cursor.execute(statement, values)
        cursor.execute("SELECT count(*) FROM conversations_message")
        return int(cursor.fetchone()[0])


def visit(title: str, path: str) -> dict[str, object]:
    """Open a page as the administrator several times; return the figures."""
    from django.db import connection
    from django.test import Client

    from pytake.accounts.models import User

    client = Client()
    owner = User.objects.get(email="bench@example.com")
    client.force_login(owner, "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(path).status_code == 200, path
    queries = 0

    def count(execute: Any, *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*arguments)

    with connection.execute_wrapper(count):
        client.get(path)
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        client.get(path)
        took.append((time.perf_counter() - began) * 1e3)
    figures = {"p50 ms": harness.percentile(took, 0.5), "max ms": max(took)}
    return {"page": title, "queries": queries, **figures}


def main() -> None:
    """Run and report."""
    with harness.fresh_database():
        world.setup_django()
        from django.conf import settings

        from conversations.models import Conversation
        from pytake.infra import tenancy

        settings.ALLOWED_HOSTS = ["testserver"]
        number_id, organization_id = world.create(), world.organization_id()
        with tenancy.organization_context(organization_id):
            messages = fill(organization_id, number_id)
            world.gather_statistics()
            thread = Conversation.objects.filter(status="queued").first()
        assert thread is not None
        pages = {
            "home": "/",
            "inbox, to answer": "/inbox/",
            "inbox, all": "/inbox/?view=all",
            "inbox, a thread open": f"/inbox/?view=all&c={thread.pk}",
            "inbox, search": "/inbox/?q=Cliente+4711",
            "contacts": "/inbox/contacts/",
            "flows": "/flows/",
            "admin, messages": "/admin/conversations/message/",
            "admin, conversations": "/admin/conversations/conversation/",
        }
        rows = [visit(title, path) for title, path in pages.items()]
    harness.report("long_lists", f"First byte with {messages:,} messages", rows, "target: < 200 ms")


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    main()
