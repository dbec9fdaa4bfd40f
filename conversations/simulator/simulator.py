"""The parts of one simulated world, put together; a reset makes a new one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conversations.simulator.chats import Chats
from conversations.simulator.clock import Clock, Scheduler
from conversations.simulator.config import Behaviour, Config, Json
from conversations.simulator.dispatcher import Dispatcher
from conversations.simulator.evolution.instances import Evolution
from conversations.simulator.faults import Faults, Magic
from conversations.simulator.ledger import Ledger
from conversations.simulator.limits import Limiter
from conversations.simulator.model import Number
from conversations.simulator.posts import Callback
from conversations.simulator.updates import Update
from conversations.simulator.world import World

KEPT_REQUESTS: Final = 5000
# Only these follow the overrides of accounts and numbers.
MESSAGE_FIELDS: Final = frozenset({"messages", "calls", "user_preferences", "smb_message_echoes", "message_echoes"})


@dataclass(slots=True)
class Metrics:
    """Counters since the last reset."""

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    inbound: int = 0
    requests: int = 0
    # (whole second, accepted in it), the newest last
    recent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=60))

    def accept(self, now: float) -> None:
        """Count an accepted send."""
        self.accepted += 1
        second = int(now)
        if self.recent and self.recent[-1][0] == second:
            self.recent[-1] = (second, self.recent[-1][1] + 1)
        else:
            self.recent.append((second, 1))

    def per_second(self, now: float, *, over_s: int) -> float:
        """Return accepted sends a second, over the last whole seconds."""
        end = int(now)
        return sum(count for second, count in self.recent if end - over_s <= second < end) / over_s


@dataclass(slots=True, kw_only=True)
class Simulator:
    """One world, running."""

    config: Config
    world: World
    clock: Clock
    scheduler: Scheduler
    dispatcher: Dispatcher
    ledger: Ledger
    limiter: Limiter
    faults: Faults
    magic: Magic
    chats: Chats
    evolution: Evolution
    metrics: Metrics
    requests: deque[Json]
    # Ids of inbound messages by person, so that read receipts can be checked.
    inbound: dict[str, tuple[str, str]]
    jobs: list[Json]

    @property
    def behaviour(self) -> Behaviour:
        """Return the settings that may change while running."""
        return self.config.behaviour

    def callbacks(self, number: Number | None, waba_id: str, field_name: str) -> Iterator[Callback]:
        """Yield where an update goes: the number's override, the account's, or the app's own URL."""
        waba = self.world.wabas[waba_id]
        for app_id in waba.apps:
            app = self.world.apps.get(app_id)
            if app is None:
                continue
            url, token = app.callback_url, app.verify_token
            if field_name in MESSAGE_FIELDS:
                override = waba.overrides.get(app_id)
                if number is not None and number.override is not None:
                    override = number.override
                if override is not None:
                    url, token = override.url, override.verify_token
            if url:
                yield self.dispatcher.callback(url, secret=app.secret, verify_token=token)

    def publish(self, update: Update) -> None:
        """Hand an update to every callback that is subscribed to its account."""
        number = self.world.numbers.get(update.number_id)
        first = True
        for callback in self.callbacks(number, update.waba_id, update.field):
            self.dispatcher.publish(callback, update if first else update.copy())
            first = False

    def start(self) -> None:
        """Ask every configured callback for its handshake, before anything has to be told."""
        for waba_id in self.world.wabas:
            for _ in self.callbacks(None, waba_id, "start"):
                pass

    async def close(self) -> None:
        """Stop timers, deliveries and open pages."""
        self.scheduler.close()
        self.chats.close()
        await self.evolution.close()
        for job in self.jobs:
            job["state"] = "stopped"
        await self.dispatcher.close()
        self.ledger.close()


def build(config: Config, *, ledger_path: Path | None = None) -> Simulator:
    """Return a new world, not yet started; raises ConfigError."""
    clock = Clock(speed=config.speed, start_at=config.start_at)
    scheduler = Scheduler(clock)
    world = World(config)
    return Simulator(
        config=config,
        world=world,
        clock=clock,
        scheduler=scheduler,
        dispatcher=Dispatcher(behaviour=config.behaviour, scheduler=scheduler, rng=world.rng),
        ledger=Ledger(ledger_path),
        limiter=Limiter(config.behaviour.limits),
        faults=Faults(),
        magic=Magic(),
        chats=Chats(),
        evolution=Evolution(behaviour=config.behaviour, scheduler=scheduler, world=world),
        metrics=Metrics(),
        requests=deque(maxlen=KEPT_REQUESTS),
        inbound={},
        jobs=[],
    )
