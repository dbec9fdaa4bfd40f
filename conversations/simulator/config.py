"""What the simulated world looks like: typed settings, read from JSON, changeable while it runs.

Unknown keys and wrong types are refused, so that a misspelt knob cannot silently do nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Final, Literal

from conversations.simulator.demo_templates import DEMO_TEMPLATES

Json = dict[str, Any]

BATCH_MODES: Final = ("single", "natural", "max", "mixed")
DEMO_WABA: Final = "200000000000001"
DEMO_NUMBER: Final = "100000000000001"
DEMO_APP: Final = "700000000000001"
DEMO_DISPLAY: Final = "5511940040001"
DEMO_CALLBACK: Final = "http://127.0.0.1:8000/api/v1/whatsapp/webhook"


class ConfigError(ValueError):
    """A setting does not exist or has the wrong type; the message names it."""


@dataclass(slots=True, kw_only=True)
class Lifecycle:
    """When statuses come, in simulated seconds, and for which share of messages."""

    statuses: bool = True
    sent_s: list[float] = field(default_factory=lambda: [0.1, 1.5])
    delivered_s: list[float] = field(default_factory=lambda: [0.2, 5.0])
    tail_s: list[float] = field(default_factory=lambda: [60.0, 14400.0])
    read_s: list[float] = field(default_factory=lambda: [3.0, 1800.0])
    delivered_share: float = 0.92
    tail_share: float = 0.06
    read_share: float = 0.60
    skip_delivered_share: float = 0.03
    failed_after_s: float = 0.3


@dataclass(slots=True, kw_only=True)
class Webhooks:
    """How updates travel to a callback."""

    mode: str = "natural"
    concurrency: int = 20
    window_ms: float = 40.0
    max_batch: int = 1000
    max_bytes: int = 3_000_000
    max_wait_ms: float = 1000.0
    timeout_s: float = 10.0
    horizon_s: float = 36 * 3600.0
    retry_s: list[float] = field(default_factory=lambda: [1.0, 5.0, 30.0, 120.0, 600.0, 3600.0])
    retry_jitter: float = 0.1
    escape_slash: bool = True


@dataclass(slots=True, kw_only=True)
class Disorder:
    """Probabilities (0 to 1) of what can go wrong between Meta and a callback. All off by default."""

    duplicate_item: float = 0.0
    duplicate_post: float = 0.0
    duplicate_post_after_s: float = 0.0
    reorder: float = 0.0
    reorder_window_s: float = 2.0
    delay_ms: list[float] = field(default_factory=lambda: [0.0, 0.0])
    bad_signature: float = 0.0
    missing_signature: float = 0.0
    foreign_signature: float = 0.0
    replay: float = 0.0
    unknown_field: float = 0.0
    unknown_type: float = 0.0
    unknown_keys: float = 0.0
    null_values: float = 0.0
    missing_contacts: float = 0.0
    nul_character: float = 0.0
    lone_surrogate: float = 0.0


@dataclass(slots=True, kw_only=True)
class Limits:
    """Which limits are enforced, and how strictly."""

    enabled: bool = True
    pair: bool = True
    pair_mode: str = "gcra"
    pair_increment_s: float = 6.0
    pair_burst: int = 45
    throttle_http: int = 400
    # Users per rolling 24 hours that may be written to outside a service window; 0 is unlimited.
    portfolio_users: int = 0
    portfolio_code: int = 131048
    # Calls an hour to an account's templates, numbers and subscriptions (0: no limit); templates created an hour.
    management_calls: int = 5000
    template_creations: int = 100
    # strict: always checked; known: strangers to the simulator pass; off: never checked.
    window: str = "strict"


@dataclass(slots=True, kw_only=True)
class Evolution:
    """How the simulated Evolution API behaves; the shares (0 to 1) say how often something goes wrong."""

    api_key: str = "simulator-evolution-key"
    qr_lifetime_s: float = 30.0
    qr_limit: int = 30
    # What becomes of webhooks; they are retried until 200, and not at all after 400, 401, 403, 404 and 422.
    retry_s: list[float] = field(default_factory=lambda: [1.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0])
    lost: float = 0.0
    duplicate: float = 0.0
    shuffle_s: float = 0.0
    # People who are shown by their LID: with the phone beside it, or (on their own wish) without.
    lid: float = 0.0
    # Accepted, and never heard of again.
    pending: float = 0.0
    # Own sends come back as messages too.
    echo: bool = True


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """Everything that may be changed while the simulator runs."""

    latency_ms: float = 0.0
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    webhooks: Webhooks = field(default_factory=Webhooks)
    disorder: Disorder = field(default_factory=Disorder)
    limits: Limits = field(default_factory=Limits)
    evolution: Evolution = field(default_factory=Evolution)
    template_review_s: float = 5.0
    # Templates whose name begins so are rejected.
    template_reject_prefix: str = "recusar_"
    magic_prefix: str = "5511999999"


@dataclass(slots=True, kw_only=True)
class Config:
    """The whole: behaviour plus what exists at the start (as JSON, see `model`)."""

    seed: int | None = None
    speed: float = 1.0
    start_at: float | None = None
    behaviour: Behaviour = field(default_factory=Behaviour)
    apps: list[Json] = field(default_factory=list)
    tokens: list[Json] = field(default_factory=list)
    wabas: list[Json] = field(default_factory=list)
    numbers: list[Json] = field(default_factory=list)
    users: list[Json] = field(default_factory=list)


def merge(target: Any, changes: Mapping[str, Any], *, path: str = "") -> None:
    """Write `changes` into a settings object, nested ones by key; raises ConfigError before changing that key."""
    known = {item.name for item in fields(target)}
    for key, value in changes.items():
        where = f"{path}{key}"
        if key not in known:
            raise ConfigError(f"{where}: no such setting")
        current = getattr(target, key)
        if is_dataclass(current):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{where}: an object is expected")
            merge(current, value, path=f"{where}.")
            continue
        setattr(target, key, _checked(current, value, where))


def _checked(current: Any, value: Any, where: str) -> Any:
    if isinstance(current, bool) or current is None or isinstance(current, str):
        fits = current is None or isinstance(value, type(current))
    elif isinstance(current, int | float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = isinstance(value, type(current))
    if not fits:
        raise ConfigError(f"{where}: {type(current).__name__} is expected")
    if where.endswith("webhooks.mode") and value not in BATCH_MODES:
        raise ConfigError(f"{where}: one of {', '.join(BATCH_MODES)}")
    return value


def as_json(settings: Any) -> Json:
    """Return a settings object as plain JSON."""
    result: Json = asdict(settings)
    return result


def read(data: Mapping[str, Any], *, environment: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration of a JSON document; environment variables win for the secrets of the first app."""
    config = Config()
    merge(config, data)
    _apply_environment(config, environment)
    return config


def demo(*, environment: Mapping[str, str] = os.environ) -> Config:
    """Return the world that `make run` uses: one clinic with one number, and people to chat with."""
    config = Config(
        apps=[
            {
                "id": DEMO_APP,
                "name": "PyTake",
                "secret": "simulator-app-secret",
                "verify_token": "simulator-verify-token",
                "callback_url": DEMO_CALLBACK,
            }
        ],
        tokens=[{"token": "simulator-access-token", "app": DEMO_APP}],
        wabas=[
            {
                "id": DEMO_WABA,
                "name": "Clínica Aurora",
                "portfolio": "800000000000001",
                "apps": [DEMO_APP],
                "templates": DEMO_TEMPLATES,
            }
        ],
        numbers=[{"id": DEMO_NUMBER, "waba": DEMO_WABA, "display": DEMO_DISPLAY, "verified_name": "Clínica Aurora"}],
        users=[*DEMO_PEOPLE],
    )
    # The demo's seeded history was never told to the simulator.
    config.behaviour.limits.window = "known"
    _apply_environment(config, environment)
    return config


DEMO_PEOPLE: Final[list[Json]] = [
    {"id": "ana", "phone": "5511987650001", "name": "Ana Souza", "page": True},
    {"id": "bruno", "phone": "5521987650002", "name": "Bruno Lima", "page": True},
    # An account from before the ninth digit: WhatsApp knows it without the 9.
    {"id": "carla", "phone": "5531987650003", "wa_id": "553187650003", "name": "Carla Dias", "page": True},
    {"id": "davi", "phone": "5585987650004", "name": "Davi Rocha", "receipts": False, "page": True},
    {"id": "lua", "name": "Lua Martins", "username": "lua.martins", "hide_phone": True, "page": True},
]

Variable = Literal["secret", "verify_token", "callback_url"]
APP_VARIABLES: Final[dict[str, Variable]] = {
    "SIMULATOR_APP_SECRET": "secret",
    "SIMULATOR_VERIFY_TOKEN": "verify_token",
    "SIMULATOR_CALLBACK_URL": "callback_url",
}


def _apply_environment(config: Config, environment: Mapping[str, str]) -> None:
    for variable, key in APP_VARIABLES.items():
        if config.apps and environment.get(variable):
            config.apps[0][key] = environment[variable]
    if config.tokens and environment.get("SIMULATOR_ACCESS_TOKEN"):
        config.tokens[0]["token"] = environment["SIMULATOR_ACCESS_TOKEN"]
    if environment.get("SIMULATOR_EVOLUTION_KEY"):
        config.behaviour.evolution.api_key = environment["SIMULATOR_EVOLUTION_KEY"]
