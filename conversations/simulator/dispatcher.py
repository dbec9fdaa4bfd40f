"""Delivery of updates: a queue per callback, batches, concurrency, and the same bytes again until 200.

A callback gets nothing before it has answered the verification GET; what happens meanwhile waits in its queue.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final

import aiohttp

from conversations.simulator import disorder, handshake, wire
from conversations.simulator.clock import Scheduler
from conversations.simulator.config import Behaviour
from conversations.simulator.posts import Callback, Post, Tally
from conversations.simulator.updates import Update, envelope

log = logging.getLogger("simulator.webhooks")

KEPT_POSTS: Final = 2000
KEPT_BODIES: Final = 200
# The web server may start later than we do.
HANDSHAKE_PAUSES_S: Final = (0.3, 0.5, 0.5, 1.0, 1.0, 2.0)


class Dispatcher:
    """All callbacks of a world."""

    def __init__(self, *, behaviour: Behaviour, scheduler: Scheduler, rng: random.Random) -> None:
        self.behaviour = behaviour
        self.scheduler = scheduler
        self.rng = rng
        self.tally = Tally()
        self.posts: deque[Post] = deque(maxlen=KEPT_POSTS)
        self.held = False
        self._bodies: deque[Post] = deque()
        self._callbacks: dict[tuple[str, str], Callback] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._retrying = 0
        self._delayed = 0
        self._closed = False

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the HTTP client, opened on first use."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    @property
    def waiting(self) -> int:
        """Return how many updates have not been posted yet."""
        return self._delayed + sum(len(callback.queue) for callback in self._callbacks.values())

    @property
    def in_flight(self) -> int:
        """Return how many POSTs are on their way."""
        return sum(callback.in_flight for callback in self._callbacks.values())

    @property
    def retrying(self) -> int:
        """Return how many POSTs wait for another attempt."""
        return self._retrying

    def callback(self, url: str, *, secret: str, verify_token: str, verified: bool = False) -> Callback:
        """Return the callback, made known (and asked for its handshake) on first use."""
        known = self._callbacks.get((url, secret))
        if known is None:
            known = self._callbacks[url, secret] = Callback(url, secret, verify_token, verified=verified)
            if not verified:
                self._run(self._verify(known))
        return known

    def publish(self, callback: Callback, update: Update) -> None:
        """Queue an update, through whatever disorder is configured."""
        self.tally.counts["updates"] += 1
        settings = self.behaviour.disorder
        if disorder.is_calm(settings):
            self._enqueue(callback, update)
            return
        for delay, item in disorder.disturbed(update, settings, self.rng):
            if delay:
                self._delayed += 1
                self.scheduler.after(delay, self._enqueue_late, callback, item)
            else:
                self._enqueue(callback, item)

    def _enqueue_late(self, callback: Callback, update: Update) -> None:
        self._delayed -= 1
        self._enqueue(callback, update)

    def _enqueue(self, callback: Callback, update: Update) -> None:
        if not callback.queue:
            callback.first_at = asyncio.get_running_loop().time()
        callback.queue.append(update)
        self._pump(callback)

    def hold(self) -> None:
        """Stop delivering: updates pile up."""
        self.held = True

    def release(self) -> None:
        """Deliver again, everything that has piled up at once."""
        self.held = False
        for callback in self._callbacks.values():
            self._pump(callback)

    async def settle(self, timeout_s: float) -> bool:
        """Wait until nothing is queued or on its way; retries that wait for their time do not count."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        # Several queues have to be empty at the same moment: looking again is simpler than an event for each.
        while self._busy() and loop.time() < until:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)
        return not self._busy()

    def _busy(self) -> bool:
        queued = any(callback.queue and callback.verified for callback in self._callbacks.values())
        return bool(self.in_flight or (queued and not self.held))

    async def close(self) -> None:
        """Stop everything."""
        self._closed = True
        for callback in self._callbacks.values():
            if callback.timer:
                callback.timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _pump(self, callback: Callback) -> None:
        """Send what may be sent now, or arm the timer of the batch window."""
        if self.held or self._closed or not callback.verified:
            return
        settings = self.behaviour.webhooks
        now = asyncio.get_running_loop().time()
        while callback.queue and callback.in_flight < settings.concurrency:
            wait = self._wait_s(callback, now)
            if wait > 0:
                if callback.timer is None:
                    callback.timer = asyncio.get_running_loop().call_later(wait, self._window_over, callback)
                return
            self._send(callback, self._batch(callback, now))

    def _window_over(self, callback: Callback) -> None:
        callback.timer = None
        self._pump(callback)

    def _wait_s(self, callback: Callback, now: float) -> float:
        settings = self.behaviour.webhooks
        if settings.mode == "single" or len(callback.queue) >= settings.max_batch:
            return 0.0
        window = settings.max_wait_ms if settings.mode == "max" else settings.window_ms
        return callback.first_at + window / 1000 - now

    def _batch(self, callback: Callback, now: float) -> list[Update]:
        settings = self.behaviour.webhooks
        size = 1 if settings.mode == "single" else max(1, min(settings.max_batch, len(callback.queue)))
        taken = [callback.queue.popleft() for _ in range(size)]
        callback.first_at = now
        if settings.mode == "mixed":
            self.rng.shuffle(taken)
        return taken

    def _send(self, callback: Callback, updates: list[Update]) -> None:
        settings = self.behaviour.webhooks
        mixed = settings.mode == "mixed"
        data = envelope(updates, rng=self.rng, mixed=mixed)
        body = wire.serialise(data, escape_slash=settings.escape_slash)
        if len(body) > settings.max_bytes and len(updates) > 1:
            half = len(updates) // 2
            self._send(callback, updates[:half])
            self._send(callback, updates[half:])
            return
        post = self._post(callback, body, updates)
        self._launch(callback, post)
        self._accompany(callback, post)

    def _post(self, callback: Callback, body: bytes, updates: list[Update], kind: str = "normal") -> Post:
        self._count += 1
        now = self.scheduler.clock.now()
        post = Post(
            id=self._count,
            url=callback.url,
            secret=callback.secret,
            body=body,
            updates=updates,
            created_at=now,
            kind=kind,
        )
        self.posts.append(post)
        self.tally.counts[f"posts_{kind}"] += 1
        return post

    def _accompany(self, callback: Callback, post: Post) -> None:
        """Send the copies, replays and forgeries that are configured."""
        settings = self.behaviour.disorder
        if settings.duplicate_post and self.rng.random() < settings.duplicate_post:
            again = self._post(callback, post.body, [], kind="duplicate")
            self.scheduler.after(settings.duplicate_post_after_s, self._launch, callback, again)
        if settings.replay and self._bodies and self.rng.random() < settings.replay:
            old = self.rng.choice(self._bodies)
            self._launch(callback, self._post(callback, old.body, [], kind="replay"))
        for forgery in disorder.forgeries(settings, self.rng):
            self._launch(callback, self._post(callback, post.body, [], kind=forgery))

    def _launch(self, callback: Callback, post: Post) -> None:
        if not self._closed:
            callback.in_flight += 1
            self._run(self._deliver(callback, post))

    def _retry(self, callback: Callback, post: Post) -> None:
        self._retrying -= 1
        self._launch(callback, post)

    async def _deliver(self, callback: Callback, post: Post) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            status = await self._attempt(post)
        finally:
            callback.in_flight -= 1
        elapsed_ms = (loop.time() - started) * 1000
        post.attempts.append((self.scheduler.clock.now(), status, elapsed_ms))
        self._record(callback, post, status, elapsed_ms)
        self._pump(callback)

    async def _attempt(self, post: Post) -> int:
        """Return the HTTP status, 0 without an answer in time."""
        timeout = aiohttp.ClientTimeout(total=self.behaviour.webhooks.timeout_s)
        try:
            async with self.session.post(
                post.url,
                data=post.body,
                headers=post.headers(),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0

    def _record(self, callback: Callback, post: Post, status: int, elapsed_ms: float) -> None:
        counts = self.tally.counts
        counts["attempts"] += 1
        if post.kind in disorder.FORGERIES:
            post.state = "accepted" if status == 200 else "refused"
            counts["forged_accepted"] += status == 200
            return
        if status == 200:
            post.state = "delivered"
            counts["posts_delivered"] += 1
            counts["updates_delivered"] += len(post.updates)
            self.tally.latencies.append(elapsed_ms)
            post.tell(delivered=True)
            self._keep_body(post)
            return
        counts["refused"] += 1
        post.tell(delivered=False)
        self._schedule_retry(callback, post)

    def _schedule_retry(self, callback: Callback, post: Post) -> None:
        settings = self.behaviour.webhooks
        now = self.scheduler.clock.now()
        pauses = settings.retry_s or [1.0]
        pause = pauses[min(len(post.attempts), len(pauses)) - 1]
        pause *= 1 + self.rng.uniform(-settings.retry_jitter, settings.retry_jitter)
        if now + pause - post.created_at > settings.horizon_s:
            post.state = "dropped"
            self.tally.counts["posts_dropped"] += 1
            self.tally.counts["updates_dropped"] += len(post.updates)
            return
        post.state = "retrying"
        self.tally.counts["retries"] += 1
        self._retrying += 1
        self.scheduler.after(pause, self._retry, callback, post)

    def _keep_body(self, post: Post) -> None:
        """Remember delivered bytes for the log and for replays, but not all of them."""
        post.updates = []
        self._bodies.append(post)
        if len(self._bodies) > KEPT_BODIES:
            self._bodies.popleft().body = b""

    async def _verify(self, callback: Callback) -> None:
        """Ask until the callback answers; its queue waits."""
        pauses = iter(HANDSHAKE_PAUSES_S)
        while not await handshake.verify(self.session, callback.url, callback.verify_token):
            self.tally.counts["handshakes_failed"] += 1
            await asyncio.sleep(next(pauses, HANDSHAKE_PAUSES_S[-1]))
        log.info("callback verified: %s", callback.url)
        callback.verified = True
        self._pump(callback)

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
