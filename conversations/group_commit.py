"""Many deliveries in one statement: what arrives while a commit is under way forms the next one.

A post waits for no timer: the first one after a pause is stored at once. The connection is this object's own, in
asyncio; `arrival`, the policy for inserts of deliveries, asks for no organization, so none is set.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import psycopg
import structlog
from django.db import connections

from conversations import webhooks
from conversations.webhooks import Delivery

log = structlog.get_logger(__name__)
# One statement's share; a delivery is at most 4 MB.
_ROWS_MAX: Final = 500
_BYTES_MAX: Final = 16 * 1024 * 1024
# What may wait altogether. The provider posts again what is refused.
_WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
_CONNECT_S: Final = 3
_SILENCE_MS: Final = 10_000

Connection = psycopg.AsyncConnection[Any]


class NotStoredError(Exception):
    """The delivery is not known to be stored."""


class _Post:
    __slots__ = ("done", "rows", "size")

    def __init__(self, rows: Sequence[Delivery], done: asyncio.Future[None]) -> None:
        self.rows = rows
        self.size = sum(len(row.raw_body) for row in rows)
        self.done = done

    def settle(self, *, stored: bool) -> None:
        """Let the one who waits go on, if somebody still waits."""
        if self.done.done():
            return
        if stored:
            self.done.set_result(None)
        else:
            self.done.set_exception(NotStoredError())


class GroupCommit:
    """Stores deliveries through one connection of its own; for one event loop."""

    def __init__(self, *, waiting_max: int = 5_000, commit_s: float = 8.0) -> None:
        self._waiting_max = waiting_max
        self._commit_s = commit_s
        self._waiting: deque[_Post] = deque()
        self._bytes = 0
        self._work: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._left_behind: set[asyncio.Task[Connection]] = set()
        # Posts whose rows were committed since the last look.
        self.fresh: list[Sequence[Delivery]] = []

    async def store(self, rows: Sequence[Delivery]) -> None:
        """Return when the rows are committed. Raises NotStoredError when they are not, or when too many wait."""
        loop = asyncio.get_running_loop()
        post = _Post(rows, loop.create_future())
        if len(self._waiting) >= self._waiting_max or self._bytes + post.size > _WAITING_BYTES_MAX:
            raise NotStoredError
        self._waiting.append(post)
        self._bytes += post.size
        if self._work is None:
            self._work = loop.create_task(self._commit_waiting())
        await post.done

    async def close(self) -> None:
        """Finish what is under way and close the connection."""
        if self._work is not None:
            await asyncio.wait([self._work])
        await _close(self._take_connection())

    async def _commit_waiting(self) -> None:
        try:
            while self._waiting:
                await self._commit(self._next())
        finally:
            self._work = None
            # Not empty only if this was cancelled: nobody will store them.
            while self._waiting:
                for post in self._next():
                    post.settle(stored=False)

    def _next(self) -> list[_Post]:
        """Take the oldest posts, as many as fit into one statement."""
        batch: list[_Post] = []
        rows = size = 0
        while self._waiting and len(batch) < _ROWS_MAX:
            post = self._waiting[0]
            if batch and (rows + len(post.rows) > _ROWS_MAX or size + post.size > _BYTES_MAX):
                break
            batch.append(self._waiting.popleft())
            rows += len(post.rows)
            size += post.size
        self._bytes -= size
        return batch

    async def _commit(self, batch: list[_Post]) -> None:
        """Store a batch; when the database refuses it for one row's sake, store its posts one by one."""
        stored = False
        try:
            await self._insert_in_time([row for post in batch for row in post.rows])
            stored = True
        except (psycopg.IntegrityError, psycopg.DataError) as exc:
            # An organization or number that has gone meanwhile, for example.
            if len(batch) > 1:
                for post in batch:
                    await self._commit([post])
                return
            log.error("webhook.row_refused", error=type(exc).__name__)  # noqa: TRY400  # a trace may hold the row
        except (psycopg.Error, TimeoutError, OSError) as exc:
            log.error("webhook.not_stored", posts=len(batch), error=type(exc).__name__)  # noqa: TRY400  # as above
            await _close(self._take_connection())
        finally:
            # Also when this was cancelled. Those stored one by one are settled already.
            self.fresh += [post.rows for post in batch if stored]
            for post in batch:
                post.settle(stored=stored)

    async def _insert_in_time(self, rows: Sequence[Delivery]) -> None:
        """Insert, or raise TimeoutError.

        A statement that is cancelled waits for the server's word, which may never come: it is left behind.
        """
        insert = asyncio.create_task(_insert(self._connection, webhooks.insertion(rows)))
        try:
            done, _ = await asyncio.wait([insert], timeout=self._commit_s)
        except asyncio.CancelledError:
            insert.cancel()
            raise
        if done:
            self._connection = insert.result()
            return
        self._take_connection()
        self._left_behind.add(insert)
        insert.add_done_callback(self._forget)
        insert.cancel()
        raise TimeoutError

    def _forget(self, insert: asyncio.Task[Connection]) -> None:
        self._left_behind.discard(insert)
        if not insert.cancelled():
            insert.exception()  # asked for, so that asyncio does not complain

    def _take_connection(self) -> Connection | None:
        connection, self._connection = self._connection, None
        return connection


async def _insert(connection: Connection | None, values: tuple[bytes, str]) -> Connection:
    """Insert, once more by a new connection if the one given is dead; return the one that lives.

    A row that is written twice, because only the answer was lost, is recognised as a repeat by its items.
    """
    if connection is not None:
        try:
            await connection.execute(webhooks.INSERT, values)
        except psycopg.OperationalError:
            await _close(connection)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        except asyncio.CancelledError:
            await _close(connection)
            raise
        else:
            return connection
    connection = await _connect()
    try:
        await connection.execute(webhooks.INSERT, values)
    except BaseException:
        await _close(connection)
        raise
    return connection


async def _close(connection: Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(psycopg.Error, OSError):
            await connection.close()


async def _connect() -> Connection:
    """Connect as Django would, without what only its cursors need. Every statement commits by itself."""
    params = connections["default"].get_connection_params()
    for name in ("cursor_factory", "context"):
        params.pop(name, None)
    params.setdefault("connect_timeout", _CONNECT_S)
    # A network that swallows everything is noticed, instead of after a quarter of an hour.
    params.setdefault("tcp_user_timeout", _SILENCE_MS)
    return await psycopg.AsyncConnection.connect(**params, autocommit=True)
