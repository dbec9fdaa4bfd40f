"""What only the fast entrance does: many posts in one commit, and none answered before it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import psycopg
import pytest
from django.db import connection, connections

from conversations import numbers
from conversations.entrance import Entrance
from conversations.group_commit import GroupCommit
from conversations.models import WebhookEvent, WhatsAppNumber
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import add_number, change, encode, envelope, text
from tests.conversations.channel.doors import Answer, Fast, Post, ask, nobody

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
THEIRS = "100000000000009"


@pytest.fixture(autouse=True)
def _returned_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close connections of threads after each use, so that the test database can be emptied and dropped."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


@pytest.fixture
def number(transactional_db: None) -> Iterator[WhatsAppNumber]:
    organization = make.organization(name="Clínica Aurora")
    with tenancy.organization_context(organization.pk):
        yield add_number(organization)


def body(index: int, phone_id: str = "100000000000001") -> bytes:
    return encode(envelope(change(phone_id=phone_id, messages=[text(f"wamid.{index:06d}", at=1795000000)])))


def posts(count: int) -> list[Post]:
    return [Post(raw=body(index)) for index in range(count)]


def stored() -> set[bytes]:
    with tenancy.platform_scope("test"):
        return {bytes(raw) for raw in WebhookEvent.objects.values_list("raw_body", flat=True)}


def open_connection() -> psycopg.Connection[Any]:
    params = connection.get_connection_params()
    return psycopg.connect(**{name: params[name] for name in ("dbname", "user", "password", "host", "port")})


@contextmanager
def locked_table() -> Iterator[psycopg.Connection[Any]]:
    """Let every insert of a delivery wait."""
    with open_connection() as other:
        other.execute("LOCK TABLE conversations_webhookevent IN SHARE MODE")
        yield other
        other.rollback()


async def started(entrance: Entrance, sent: list[Post]) -> list[asyncio.Task[Answer]]:
    """Send posts; return when all of them wait for their commit."""
    tasks = [asyncio.create_task(ask(entrance, post)) for post in sent]
    await asyncio.sleep(0.5)
    return tasks


def test_nobody_is_answered_before_the_commit_and_all_share_it(number: WhatsAppNumber) -> None:
    sent = posts(50)
    Fast().post(Post(raw=b"{}"))  # the number is known from here on

    async def work() -> None:
        entrance = Entrance(nobody)
        with locked_table() as other:
            tasks = await started(entrance, sent)
            assert not any(task.done() for task in tasks)
            other.rollback()
            assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}
        await entrance.rows.close()

    asyncio.run(work())

    assert {post.raw for post in sent} <= stored()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM conversations_webhookevent WHERE length(raw_body) > 2")
        assert cursor.fetchone()[0] <= 3


def test_rows_are_stored_in_the_order_of_arrival(number: WhatsAppNumber) -> None:
    sent = posts(40)
    Fast().post(sent[0])

    assert {answer.status for answer in Fast().post_together(sent)} == {200}

    with tenancy.platform_scope("test"):
        rows = [bytes(raw) for raw in WebhookEvent.objects.order_by("id").values_list("raw_body", flat=True)]
    assert rows[1:] == [post.raw for post in sent]


def test_a_row_that_the_database_refuses_costs_its_neighbours_nothing(number: WhatsAppNumber) -> None:
    gone = make.organization(name="Outra Empresa")
    add_number(gone, phone_id=THEIRS)
    theirs = Post(raw=body(0, THEIRS))
    numbers.receivers([THEIRS, number.phone_number_id or ""])  # remembered from here on
    with tenancy.platform_scope("test"):
        WhatsAppNumber.objects.filter(organization=gone).delete()
        Organization.objects.filter(pk=gone.pk).delete()
    sent = posts(5)

    answers = Fast().post_together([*sent[:3], theirs, *sent[3:]])

    assert [answer.status for answer in answers] == [200, 200, 200, 503, 200, 200]
    assert stored() == {post.raw for post in sent}


def test_a_connection_that_died_costs_no_delivery(number: WhatsAppNumber) -> None:
    async def work() -> list[int]:
        entrance = Entrance(nobody)
        first = await ask(entrance, Post(raw=body(1)))
        backend = entrance.rows._connection
        assert backend is not None
        pid = backend.info.backend_pid
        with open_connection() as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        second = await ask(entrance, Post(raw=body(2)))
        await entrance.rows.close()
        return [first.status, second.status]

    assert asyncio.run(work()) == [200, 200]
    assert stored() == {body(1), body(2)}


def test_a_database_that_does_not_answer_is_503_in_time_and_the_next_post_is_taken(number: WhatsAppNumber) -> None:
    async def work() -> tuple[set[int], int]:
        entrance = Entrance(nobody, rows=GroupCommit(commit_s=1.0))
        await ask(entrance, Post(raw=b"{}"))
        with locked_table():
            refused = {answer.status for answer in await asyncio.gather(*(ask(entrance, post) for post in posts(5)))}
        taken = await ask(entrance, Post(raw=body(9)))
        await entrance.rows.close()
        return refused, taken.status

    assert asyncio.run(work()) == ({503}, 200)
    # A statement left behind may still be carried out; the provider posts its deliveries again, as repeats.
    assert {b"{}", body(9)} <= stored()


class Line:
    """A line to the database that can go dead: nothing passes any more, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self.is_dead = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, far_writer]
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not self.is_dead:
                    writer.write(data)
            writer.close()


def test_a_line_that_goes_dead_is_503_in_time_and_left_for_another(number: WhatsAppNumber) -> None:
    there = connection.settings_dict["PORT"]

    async def work() -> tuple[int, int, int, float]:
        entrance = Entrance(nobody, rows=GroupCommit(commit_s=0.5))
        async with Line(int(there)) as line:
            connection.settings_dict["PORT"] = str(line.port)
            first = await ask(entrance, Post(raw=body(1)))
            line.is_dead = True
            began = time.monotonic()
            second = await ask(entrance, Post(raw=body(2)))
            took = time.monotonic() - began
            connection.settings_dict["PORT"] = there
            third = await ask(entrance, Post(raw=body(3)))
            await entrance.rows.close()
        return first.status, second.status, third.status, took

    try:
        first, second, third, took = asyncio.run(work())
    finally:
        connection.settings_dict["PORT"] = there

    assert (first, second, third) == (200, 503, 200)
    assert took < 10.0  # not for as long as TCP would try
    assert stored() == {body(1), body(3)}


def test_only_so_much_may_wait(number: WhatsAppNumber) -> None:
    async def work() -> list[int]:
        entrance = Entrance(nobody, rows=GroupCommit(waiting_max=10))
        await ask(entrance, Post(raw=body(0)))
        with locked_table() as other:
            tasks = await started(entrance, posts(20))
            early = [task.result().status for task in tasks if task.done()]
            other.rollback()
            late = [(await task).status for task in tasks]
        await entrance.rows.close()
        assert set(early) == {503}
        return late

    answers = asyncio.run(work())
    assert answers.count(503) >= 1
    assert answers.count(200) >= 10
    assert len(stored()) == answers.count(200)


def test_who_hangs_up_takes_nobody_along(number: WhatsAppNumber) -> None:
    async def work() -> list[int]:
        entrance = Entrance(nobody)
        await ask(entrance, Post(raw=body(0)))
        with locked_table() as other:
            tasks = await started(entrance, posts(6))
            tasks[2].cancel()
            await asyncio.sleep(0.05)
            other.rollback()
            answers = [(await task).status for index, task in enumerate(tasks) if index != 2]
        await entrance.rows.close()
        assert entrance._held == 0
        return answers

    assert asyncio.run(work()) == [200] * 5


def test_a_body_that_ends_early_is_not_stored(number: WhatsAppNumber) -> None:
    sent: list[Mapping[str, Any]] = []

    async def work() -> None:
        entrance = Entrance(nobody)
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": b"{", "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        post = Post(raw=b"{")
        headers = [(name.encode(), value.encode()) for name, value in post.headers().items()]
        scope = {"type": "http", "method": "POST", "path": post.path, "headers": headers, "client": None}
        await entrance(scope, receive, send)
        assert entrance._held == 0

    asyncio.run(work())
    assert sent == []
    assert stored() == set()


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/whatsapp/webhook"), ("POST", "/api/v1/contacts")])
def test_everything_else_passes_on_to_django(method: str, path: str) -> None:
    answer = asyncio.run(ask(Entrance(nobody), Post(raw=b"", path=path), method))

    assert (answer.status, answer.body) == (299, b"passed on")
