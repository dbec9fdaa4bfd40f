"""The conversation list: what a view holds, its order, its pages, what it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.inbox import lists
from conversations.models import Conversation, DepartmentMember, WhatsAppNumber
from pytake.accounts.models import Organization, User
from tests import make

pytestmark = pytest.mark.usefixtures("in_organization")
NOW = timezone.now()


@pytest.fixture
def number(in_organization: Organization) -> WhatsAppNumber:
    return make.number(in_organization)


def listed(user: User, view: str, *, search: str = "", cursor: str = "") -> list[Conversation]:
    return lists.page(user, view=lists.BY_KEY[view], search=search, cursor=cursor).rows


def test_each_thread_is_in_the_views_it_belongs_to(number: WhatsAppNumber, admin: User, agent: User) -> None:
    rows = {
        "bot": make.conversation(number),
        "nobody": make.conversation(number, is_bot_active=False),
        "queued": make.conversation(number, status="queued", is_bot_active=False),
        "mine": make.conversation(number, status="active", current_agent=admin, is_bot_active=False),
        "theirs": make.conversation(number, status="active", current_agent=agent, is_bot_active=False),
        "resolved": make.conversation(number, status="resolved"),
    }
    names = {row.pk: name for name, row in rows.items()}

    views = {view.key: {names[row.pk] for row in listed(admin, view.key)} for view in lists.VIEWS}

    assert views == {
        "people": {"nobody", "queued", "mine", "theirs"},
        "mine": {"mine"},
        "unassigned": {"nobody", "queued"},
        "queue": {"queued"},
        "bot": {"bot"},
        "all": set(rows),
        "closed": {"resolved"},
    }


def test_figures_count_what_the_views_hold(number: WhatsAppNumber, admin: User) -> None:
    make.conversation(number)
    make.conversation(number, status="queued", is_bot_active=False)
    make.conversation(number, status="active", current_agent=admin, is_bot_active=False)

    assert lists.figures(admin) == {"people": 2, "mine": 1, "unassigned": 1, "queue": 1}


def test_who_waits_longest_comes_first_and_who_does_not_wait_last(number: WhatsAppNumber, admin: User) -> None:
    calm = make.conversation(number, status="queued", waiting_since=None)
    short = make.conversation(number, status="queued", waiting_since=NOW - timedelta(minutes=5))
    long = make.conversation(number, status="queued", waiting_since=NOW - timedelta(hours=5))

    assert listed(admin, "people") == [long, short, calm]


@pytest.mark.parametrize("view", ["people", "all"])
def test_pages_show_every_thread_once(number: WhatsAppNumber, admin: User, view: str) -> None:
    same = NOW - timedelta(minutes=3)
    for step in range(7):
        waiting = None if step < 2 else same if step < 5 else NOW - timedelta(minutes=step)
        make.conversation(number, status="queued", waiting_since=waiting, last_message_at=same)

    seen: list[Conversation] = []
    cursor = ""
    for _ in range(10):
        page = lists.page(admin, view=lists.BY_KEY[view], cursor=cursor, size=2)
        seen += page.rows
        cursor = page.next_cursor
        if not cursor:
            break

    assert len(seen) == 7
    assert len({row.pk for row in seen}) == 7
    assert seen == lists.page(admin, view=lists.BY_KEY[view], size=50).rows


@pytest.mark.parametrize("cursor", ["x", "eyJ9", "W10", "WyJ4IiwieSJd"])
def test_a_broken_cursor_begins_at_the_top(number: WhatsAppNumber, admin: User, cursor: str) -> None:
    row = make.conversation(number, status="queued")

    assert listed(admin, "people", cursor=cursor) == [row]


@pytest.mark.parametrize("search", ["joana", "98765-4321", "+55 (11) 98765", "JOANA P"])
def test_people_are_found_by_name_and_by_phone_in_any_spelling(
    number: WhatsAppNumber, admin: User, search: str
) -> None:
    wanted = make.contact(number.organization, name="Joana Prado", wa_id="5511987654321")
    row = make.conversation(number, wanted)
    make.conversation(number)

    assert listed(admin, "people", search=search) == [row]


def test_an_agent_sees_own_departments_once_and_not_others(number: WhatsAppNumber, agent: User, admin: User) -> None:
    own, other = make.department(number.organization), make.department(number.organization)
    for member in (agent, admin):
        DepartmentMember.objects.create(organization=number.organization, department=own, user=member)
    visible = make.conversation(number, status="queued", department=own)
    make.conversation(number, status="queued", department=other)

    assert listed(agent, "people") == [visible]
    assert lists.figures(agent)["people"] == 1


def test_a_list_costs_the_same_for_one_row_and_for_forty(number: WhatsAppNumber, admin: User) -> None:
    counts = []
    for size in (1, 39):
        for _ in range(size):
            make.conversation(number, status="queued")
        with CaptureQueriesContext(connection) as captured:
            assert len(listed(admin, "people")) in {1, 40}
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 2
