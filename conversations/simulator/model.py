"""What exists in the simulated world: apps, accounts, numbers, people, templates, media, sent messages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

SERVICE_WINDOW_S: Final = 24 * 3600.0
ALL_PERMISSIONS: Final = ("whatsapp_business_messaging", "whatsapp_business_management")
LEVELS: Final = {"COEXISTENCE": 20, "STANDARD": 80, "HIGH": 1000}


@dataclass(slots=True, kw_only=True)
class Override:
    """A callback that replaces the app's for one account or number."""

    url: str
    verify_token: str


@dataclass(slots=True, kw_only=True)
class App:
    """A Meta app: it signs what it delivers."""

    id: str
    secret: str
    name: str = "App"
    callback_url: str = ""
    verify_token: str = ""
    require_proof: bool = False


@dataclass(slots=True, kw_only=True)
class Token:
    """An access token; `wabas` None means every account."""

    token: str
    app: str
    permissions: list[str] = field(default_factory=lambda: [*ALL_PERMISSIONS])
    wabas: list[str] | None = None
    expires_at: float = 0.0
    issued_at: float = 0.0
    revoked: bool = False


@dataclass(slots=True, kw_only=True)
class Waba:
    """A WhatsApp Business Account. `apps` are those subscribed to it."""

    id: str
    name: str = "Conta"
    portfolio: str = "800000000000001"
    apps: list[str] = field(default_factory=list)
    overrides: dict[str, Override] = field(default_factory=dict)
    templates: list[Json] = field(default_factory=list)
    # When templates were created in the last hour, when management was called.
    creations: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)
    # Numbers that are paired by QR code belong to no account; this stands for it inside of the simulator.
    is_meta: bool = True


@dataclass(slots=True, kw_only=True)
class Number:
    """A business phone number."""

    id: str
    waba: str
    display: str
    # Name of the Evolution instance that it is paired with; empty for numbers of the Cloud API.
    instance: str = ""
    verified_name: str = "Empresa"
    level: str = "STANDARD"
    # CONNECTED, or what refuses sends: DISCONNECTED, PENDING, BANNED, RESTRICTED, MAINTENANCE, UNPAID.
    state: str = "CONNECTED"
    quality: str = "GREEN"
    pin: str = ""
    tier: str = "TIER_UNLIMITED"
    allow_list: list[str] | None = None
    override: Override | None = None
    profile: Json = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)

    @property
    def per_second(self) -> int:
        """Return how many messages a second pass, both directions together."""
        return LEVELS.get(self.level, LEVELS["STANDARD"])


@dataclass(slots=True, kw_only=True)
class User:
    """A person with WhatsApp. `windows` holds, by number id, until when free-form messages are allowed."""

    id: str
    phone: str = ""
    wa_id: str = ""
    name: str = ""
    username: str = ""
    country: str = "BR"
    hide_phone: bool = False
    on_whatsapp: bool = True
    receipts: bool = True
    blocks_business: bool = False
    marketing_stopped: bool = False
    experiment: bool = False
    marketing_left: int | None = None
    # Shown on the phone page: the chat is kept, and statuses come as fast as on a phone in the hand.
    page: bool = False
    # Created because somebody wrote to it, not by configuration.
    lazy: bool = False
    persona: Json = field(default_factory=dict)
    windows: dict[str, float] = field(default_factory=dict)
    last_inbound: dict[str, str] = field(default_factory=dict)
    user_ids: dict[str, str] = field(default_factory=dict)
    generation: int = 0

    def user_id(self, portfolio: str) -> str:
        """Return the business-scoped id: stable over restarts, another one after `generation` moves."""
        known = self.user_ids.get(portfolio)
        if known is None:
            source = f"{portfolio}:{self.id}:{self.generation}".encode()
            known = f"{self.country}.{int.from_bytes(hashlib.sha256(source).digest()[:8], 'big'):020d}"
            self.user_ids[portfolio] = known
        return known

    @property
    def shown_phone(self) -> str:
        """Return the phone as payloads show it, empty if it is hidden."""
        return "" if self.hide_phone else self.wa_id


@dataclass(slots=True, kw_only=True)
class Template:
    """An approved or waiting message template."""

    id: str
    waba: str
    name: str
    language: str = "pt_BR"
    category: str = "UTILITY"
    status: str = "APPROVED"
    quality: str = "UNKNOWN"
    parameter_format: str = "POSITIONAL"
    components: list[Json] = field(default_factory=list)
    reason: str = "NONE"
    # Not shown: which review is the last, how often it was paused, when it was first approved and then edited.
    review: int = 0
    pauses: int = 0
    approved_at: float = 0.0
    edits: list[float] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Media:
    """Bytes that can be sent or fetched until `expires_at`."""

    id: str
    waba: str
    mime_type: str
    content: bytes
    filename: str
    expires_at: float
    sha256: str


@dataclass(slots=True)
class Sent:
    """One accepted send: what the ledger keeps. `states` are (status, simulated time, error code)."""

    seq: int
    wamid: str
    at: float
    number_id: str
    waba_id: str
    user: User
    to: str
    kind: str
    callback: str | None
    body: bytes
    text: str
    category: str
    outcome: str = "answered"
    states: list[tuple[str, float, int]] = field(default_factory=list)

    def as_json(self, decode: Any) -> Json:
        """Return the record as the ledger shows it; `decode` turns the request's bytes into JSON."""
        return {
            "seq": self.seq,
            "wamid": self.wamid,
            "at": round(self.at, 3),
            "phone_number_id": self.number_id,
            "waba_id": self.waba_id,
            "to": self.to,
            "user": self.user.id,
            "type": self.kind,
            "callback": self.callback,
            "body": decode(self.body),
            "text": self.text,
            "outcome": self.outcome,
            "states": [{"status": name, "at": round(at, 3), "code": code or None} for name, at, code in self.states],
        }
