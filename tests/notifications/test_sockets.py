"""Sockets: who gets in, who hears what, what a client may ask, and how missed facts come back."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from conversations.models import Conversation
from notifications import events, hub, presence, threads, tickets, upkeep
from notifications.sockets import Socket
from pytake.accounts import sessions
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make
from tests.notifications.conftest import Open

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

People = tuple[Organization, User]
TokenOf = Callable[[User], str]


def tell(organization: Organization, room: str, **data: Any) -> None:
    with tenancy.organization_context(organization.pk):
        events.emit(organization_id=organization.pk, room=room, event_type="test", data=data, now=timezone.now())


def cookie_of(user: User) -> str:
    browser = Browser()
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return f"sessionid={browser.cookies['sessionid'].value}"


# --- Getting in


async def test_an_access_token_opens_a_socket(people: People, token_of: TokenOf, open_socket: Open) -> None:
    organization, user = people

    client = await open_socket(await threads.run(token_of, user))
    hello = await client.until("connected")

    assert hello["data"]["user_id"] == str(user.pk)
    assert hello["data"]["organization_id"] == str(organization.pk)
    assert hello["data"]["heartbeat"] == 30


async def test_nobody_gets_in_without_credentials(open_socket: Open) -> None:
    client = await open_socket()

    assert await client.closed() == (1008, "AUTH_MISSING")


async def test_refresh_tokens_are_not_access_tokens(people: People, open_socket: Open, rf: Any) -> None:
    pair = await threads.run(sessions.begin, people[1], request=rf.get("/"), now=timezone.now())

    client = await open_socket(query=f"token={pair.refresh_token}")

    assert await client.closed() == (1008, "AUTH_INVALID")


async def test_expired_tokens_say_so(people: People, open_socket: Open, rf: Any) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    pair = await threads.run(sessions.begin, people[1], request=rf.get("/"), now=long_ago)

    client = await open_socket(pair.access_token)

    assert await client.closed() == (1008, "AUTH_EXPIRED")


@pytest.mark.parametrize(
    ("origin", "outcome"),
    [
        pytest.param(settings.SITE_URL, "connected", id="our own page"),
        pytest.param("http://localhost", "connected", id="the host that is asked"),
        pytest.param("http://evil.example", "AUTH_FORBIDDEN", id="somebody else's page"),
        pytest.param("http://localhost:666", "AUTH_FORBIDDEN", id="another port of the host"),
        pytest.param("null", "AUTH_FORBIDDEN", id="a sandboxed page"),
        pytest.param("", "AUTH_FORBIDDEN", id="no origin"),
    ],
)
async def test_cookies_count_only_on_our_pages(people: People, open_socket: Open, origin: str, outcome: str) -> None:
    headers = {"cookie": await threads.run(cookie_of, people[1]), "host": "localhost"}

    client = await open_socket(headers=headers | ({"origin": origin} if origin else {}))
    first = await client.next()

    assert (first["type"] if outcome == "connected" else first["data"]["code"]) == outcome


async def test_a_ticket_works_once(people: People, open_socket: Open) -> None:
    organization, user = people
    credential = tickets.Credential(user_id=user.pk, organization_id=organization.pk)
    ticket = await threads.run(tickets.issue, credential)

    first = await open_socket(query=f"ticket={ticket}")
    second = await open_socket(query=f"ticket={ticket}")

    assert (await first.next())["type"] == "connected"
    assert await second.closed() == (1008, "AUTH_EXPIRED")


async def test_people_who_were_switched_off_do_not_get_in(people: People, token_of: TokenOf, open_socket: Open) -> None:
    token = await threads.run(token_of, people[1])
    await User.objects.get_queryset().aupdate(is_active=False)

    client = await open_socket(token)

    assert await client.closed() == (1008, "AUTH_INVALID")


async def test_an_address_may_be_refused_twenty_times_a_minute(
    people: People, token_of: TokenOf, open_socket: Open
) -> None:
    token = await threads.run(token_of, people[1])

    reasons = [await (await open_socket(address="198.51.100.7")).closed() for _ in range(20)]
    refused = await open_socket(address="198.51.100.7")
    colleague = await open_socket(token, address="198.51.100.7")

    assert set(reasons) == {(1008, "AUTH_MISSING")}
    assert (await refused.next())["data"]["retry_after"] > 0
    assert await refused.closed() == (1013, "RATE_LIMITED")
    assert (await colleague.next())["type"] == "connected"


async def test_a_person_may_come_sixty_times_a_minute(people: People, token_of: TokenOf, open_socket: Open) -> None:
    token = await threads.run(token_of, people[1])

    for _ in range(60):
        client = await open_socket(token)
        await client.leave()
    one_more = await open_socket(token)

    assert await one_more.closed() == (1013, "RATE_LIMITED")


async def test_a_person_has_ten_sockets_at_most(people: People, token_of: TokenOf, open_socket: Open) -> None:
    token = await threads.run(token_of, people[1])

    clients = [await open_socket(token) for _ in range(10)]
    one_more = await open_socket(token)
    assert await one_more.closed() == (1013, "TOO_MANY_SOCKETS")
    await clients[0].leave()
    instead = await open_socket(token)

    assert (await instead.next())["type"] == "connected"


# --- Rooms


async def test_a_thread_is_heard_by_those_who_join(
    people: People, thread: Conversation, token_of: TokenOf, open_socket: Open
) -> None:
    room = f"conversation:{thread.pk}"
    client = await open_socket(await threads.run(token_of, people[1]))
    await client.until("connected")

    await client.send(action="join_room", room=room)
    await client.until("room:joined")
    await threads.run(tell, people[0], room, n=1)
    heard = await client.until("test")

    assert (heard["room"], heard["data"]) == (room, {"n": 1})
    assert heard["seq"] > 0


@pytest.mark.parametrize(
    "kind", ["foreign thread", "foreign inbox", "foreign organization", "unknown kind", "other spelling"]
)
async def test_foreign_rooms_are_refused_and_not_heard(
    people: People, thread: Conversation, token_of: TokenOf, open_socket: Open, kind: str
) -> None:
    def stranger() -> User:
        return make.user(make.organization(), "org_admin")

    intruder = await threads.run(stranger)
    room = {
        "foreign thread": f"conversation:{thread.pk}",
        "foreign inbox": f"inbox:{people[0].pk}",
        "foreign organization": f"org:{people[0].pk}",
        "unknown kind": f"secrets:{thread.pk}",
        "other spelling": f"conversation:{thread.pk.hex}",
    }[kind]
    client = await open_socket(await threads.run(token_of, intruder))
    await client.until("connected")
    await client.until("user:status")

    await client.send(action="join_room", room=room)
    refusal = await client.until("error")
    await threads.run(tell, people[0], room, n=1)

    assert refusal["data"] == {"code": "ROOM_FORBIDDEN", "room": room}
    assert await client.is_quiet()


async def test_agents_hear_only_threads_of_their_departments(
    people: People, thread: Conversation, token_of: TokenOf, open_socket: Open
) -> None:
    def put_elsewhere() -> User:
        with tenancy.organization_context(people[0].pk):
            department = make.department(people[0])
            Conversation.objects.filter(pk=thread.pk).update(department=department)
        return make.user(people[0], "agent")

    agent = await threads.run(put_elsewhere)
    client = await open_socket(await threads.run(token_of, agent))

    await client.send(action="join_conversation", conversation_id=str(thread.pk))

    assert (await client.until("error"))["data"]["code"] == "ROOM_FORBIDDEN"


async def test_losing_access_takes_the_room_away(
    people: People, thread: Conversation, token_of: TokenOf, open_socket: Open
) -> None:
    agent = await threads.run(make.user, people[0], "agent")
    room = f"conversation:{thread.pk}"
    client = await open_socket(await threads.run(token_of, agent))
    await client.send(action="join_room", room=room)
    await client.until("room:joined")

    def move_away() -> None:
        with tenancy.organization_context(people[0].pk):
            Conversation.objects.filter(pk=thread.pk).update(department=make.department(people[0]))

    await threads.run(move_away)
    await upkeep.check_rooms(hub.of_this_loop(), timezone.now())

    assert (await client.until("room:left"))["data"]["room"] == room
    await threads.run(tell, people[0], room, n=1)
    assert await client.is_quiet()


async def test_wide_rooms_do_not_repeat_what_was_said(people: People, token_of: TokenOf, open_socket: Open) -> None:
    room = f"inbox:{people[0].pk}"
    client = await open_socket(await threads.run(token_of, people[1]))
    await client.send(action="join_room", room=room)
    await client.until("room:joined")

    await threads.run(tell, people[0], room, conversation_id="x", preview="Estou com dor")

    assert (await client.until("test"))["data"] == {"conversation_id": "x"}


# --- What clients say


async def test_nonsense_is_answered_and_survived(people: People, token_of: TokenOf, open_socket: Open) -> None:
    client = await open_socket(await threads.run(token_of, people[1]))

    for text in ("not json", "[1]", "null", '{"action": "explode"}', '{"action": "resync", "last_seq": "1"}'):
        await client.send_raw(text)
        assert (await client.until("error"))["data"]["code"] in {"FRAME_INVALID", "ACTION_UNKNOWN"}
    await client.send(action="ping", timestamp=7)

    assert (await client.until("pong"))["data"] == {"timestamp": 7}


async def test_large_frames_end_the_socket(people: People, token_of: TokenOf, open_socket: Open) -> None:
    client = await open_socket(await threads.run(token_of, people[1]))

    await client.send_raw('{"action": "ping", "timestamp": "' + "x" * 16 * 1024 + '"}')

    assert await client.closed() == (1013, "FRAME_TOO_LARGE")


async def test_too_many_frames_end_the_socket(people: People, token_of: TokenOf, open_socket: Open) -> None:
    client = await open_socket(await threads.run(token_of, people[1]))

    for _ in range(80):
        await client.send(action="ping")

    assert await client.closed() == (1013, "RATE_LIMITED")


async def test_a_client_that_does_not_read_is_sent_away(people: People) -> None:
    credential = tickets.Credential(user_id=people[1].pk, organization_id=people[0].pk)
    socket = Socket(socket_id=uuid.uuid4(), user=people[1], credential=credential, password_mark="")

    for number in range(300):
        socket.offer(f"{number}")

    assert len(socket.outgoing) == 1
    assert "resync:reload" in socket.outgoing[0]
    assert socket.closing == (1013, "BUFFER_FULL")


async def test_typing_is_told_to_the_others_only(
    people: People, thread: Conversation, token_of: TokenOf, open_socket: Open
) -> None:
    colleague = await threads.run(make.user, people[0], "org_admin")
    writer = await open_socket(await threads.run(token_of, people[1]))
    reader = await open_socket(await threads.run(token_of, colleague))
    for client in (writer, reader):
        await client.send(action="join_conversation", conversation_id=str(thread.pk))
        await client.until("room:joined")
    await reader.until("presence:viewing")

    await writer.send(action="typing_start", conversation_id=str(thread.pk))
    heard = await reader.until("user_typing")

    assert heard["data"]["user_id"] == str(people[1].pk)
    assert heard["data"]["typing"] is True
    assert "seq" not in heard
    await writer.send(action="ping")
    types = []
    while "pong" not in types:
        types.append((await writer.next())["type"])
    assert "user_typing" not in types


async def test_figures_are_for_administrators(people: People, token_of: TokenOf, open_socket: Open) -> None:
    agent = await threads.run(make.user, people[0], "agent")
    client = await open_socket(await threads.run(token_of, agent))
    boss = await open_socket(await threads.run(token_of, people[1]))
    await boss.until("connected")
    await upkeep.report(hub.of_this_loop(), timezone.now())

    await client.send(action="get_stats")
    await boss.send(action="get_stats")

    assert (await client.until("error"))["data"]["code"] == "FORBIDDEN"
    assert (await boss.until("stats"))["data"]["totalConnections"] == 2


# --- Leaving


async def test_sockets_of_people_who_are_switched_off_are_closed(
    people: People, token_of: TokenOf, open_socket: Open
) -> None:
    client = await open_socket(await threads.run(token_of, people[1]))
    await client.until("connected")

    await User.objects.get_queryset().aupdate(is_active=False)

    # No chore is called by the test: the process notices by itself.
    assert await asyncio.wait_for(client.closed(), 10) == (1008, "AUTH_FORBIDDEN")


async def test_signing_out_closes_the_page_s_sockets(people: People, open_socket: Open) -> None:
    cookie = await threads.run(cookie_of, people[1])
    client = await open_socket(headers={"cookie": cookie, "host": "localhost", "origin": settings.SITE_URL})
    await client.until("connected")

    def sign_out() -> None:
        browser = Browser()
        browser.cookies["sessionid"] = cookie.partition("=")[2]
        browser.logout()

    await threads.run(sign_out)
    await upkeep.check_standing(hub.of_this_loop(), timezone.now())

    assert await client.closed() == (1008, "AUTH_FORBIDDEN")


async def test_expiry_is_announced_and_a_new_token_prevents_it(
    people: People, token_of: TokenOf, open_socket: Open
) -> None:
    client = await open_socket(await threads.run(token_of, people[1]))
    await client.until("connected")
    later = timezone.now() + settings.JWT_ACCESS_LIFETIME

    await upkeep.expire(hub.of_this_loop(), later - timedelta(seconds=30))
    await client.until("auth_expiring")
    await asyncio.sleep(1)
    await client.send(action="reauth", token=await threads.run(token_of, people[1]))
    await client.until("auth:renewed")
    await upkeep.expire(hub.of_this_loop(), later)
    await client.send(action="ping")
    await client.until("pong")
    await upkeep.expire(hub.of_this_loop(), later + timedelta(seconds=10))

    assert await client.closed() == (1008, "AUTH_EXPIRED")


async def test_people_are_online_with_a_socket_and_offline_a_while_after(
    people: People, token_of: TokenOf, open_socket: Open
) -> None:
    user = people[1]
    client = await open_socket(await threads.run(token_of, user))
    told = await client.until("user:status")
    assert told["data"] == {"user_id": str(user.pk), "status": "online"}
    await client.leave()
    now = timezone.now()

    soon = await threads.run(presence.settle, now=now + timedelta(seconds=30))
    late = await threads.run(presence.settle, now=now + timedelta(seconds=50))
    again = await threads.run(presence.settle, now=now + timedelta(seconds=50))

    assert (soon, late, again) == (0, 1, 0)
    assert (await User.objects.get_queryset().aget(pk=user.pk)).status == "offline"


# --- Missing nothing


async def test_a_lost_wake_up_is_healed(
    people: People, token_of: TokenOf, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await open_socket(await threads.run(token_of, people[1]))
    await client.until("user:status")
    here = hub.of_this_loop()

    # The process hears nothing, as if its subscription had broken.
    for task in here._running:
        task.cancel()
    await threads.run(tell, people[0], f"org:{people[0].pk}", n=1)
    assert await client.is_quiet()
    await upkeep.heal(here, timezone.now())

    assert (await client.until("test"))["data"] == {"n": 1}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_pages_that_come_back_know_as_much_as_fresh_ones(
    people: People, token_of: TokenOf, open_socket: Open, seed: int
) -> None:
    chance = random.Random(seed)
    token = await threads.run(token_of, people[1])
    room = f"org:{people[0].pk}"
    truth: dict[str, int] = {}
    known: dict[str, int] = {}
    seq = 0

    for step in range(8):
        client = await open_socket(token, address=f"192.0.2.{step}")
        latest = (await client.until("connected"))["data"]["latest_seq"]
        await client.send(action="resync", last_seq=seq)
        for _ in range(chance.randrange(6)):
            key, value = str(chance.randrange(5)), chance.randrange(1000)
            truth[key] = value
            await threads.run(tell, people[0], room, key=key, value=value)
        # Hear a random part, then break off.
        for _ in range(chance.randrange(6)):
            if await client.is_quiet():
                break
            frame = await client.next()
            if frame["type"] == "test":
                known[frame["data"]["key"]] = frame["data"]["value"]
            seq = frame.get("seq", seq)
        assert latest >= 0
        await client.leave()

    client = await open_socket(token)
    await client.send(action="resync", last_seq=seq)
    while (frame := await client.next())["type"] != "resync:done":
        if frame["type"] == "test":
            known[frame["data"]["key"]] = frame["data"]["value"]

    assert known == truth


async def test_a_late_joiner_is_told_what_happened_since(
    people: People, thread: Conversation, token_of: TokenOf, open_socket: Open
) -> None:
    room = f"conversation:{thread.pk}"
    client = await open_socket(await threads.run(token_of, people[1]))
    since = (await client.until("connected"))["data"]["latest_seq"]
    await threads.run(tell, people[0], room, n=1)
    await threads.run(tell, people[0], f"org:{people[0].pk}", n=2)
    await client.until("test")

    await client.send(action="join_room", room=room, since=since)

    assert (await client.until("test"))["data"] == {"n": 1}
