"""The inventory of the simulated world and how its things are found. No protocol here."""

from __future__ import annotations

import base64
import hashlib
import random
import secrets
from dataclasses import fields
from typing import Any, Final, TypeVar

from conversations.simulator import phones
from conversations.simulator.config import Config, ConfigError, Json
from conversations.simulator.model import App, Media, Number, Template, Token, User, Waba

MEDIA_BASE: Final = 300_000_000_000_000
TEMPLATE_BASE: Final = 500_000_000_000_000

T = TypeVar("T", App, Number, Token, User, Waba, Template)


def made(kind: type[T], data: Json) -> T:
    """Return an object of the world from its JSON; raises ConfigError for keys that it does not have."""
    known = {item.name for item in fields(kind)}
    strange = sorted(set(data) - known)
    if strange:
        raise ConfigError(f"{kind.__name__.lower()}: no such key: {', '.join(strange)}")
    try:
        return kind(**data)
    except TypeError as exc:
        raise ConfigError(f"{kind.__name__.lower()}: {exc}") from exc


class World:
    """Everything by its id. Ids and draws come from one seeded generator."""

    def __init__(self, config: Config) -> None:
        seed = config.seed if config.seed is not None else secrets.randbits(64)
        self.rng = random.Random(seed)  # noqa: S311 - simulated chance, not a secret
        # Without a seed each run allots other ids, so that a receiver does not take them for old messages.
        self._run = hashlib.sha256(f"run:{seed}".encode()).digest()[:6]
        self._count = 0
        self.apps: dict[str, App] = {}
        self.tokens: dict[str, Token] = {}
        self.wabas: dict[str, Waba] = {}
        self.numbers: dict[str, Number] = {}
        self.users: dict[str, User] = {}
        self.templates: dict[str, Template] = {}
        # Names of deleted templates by account, and until when they cannot be used again.
        self.names_blocked: dict[tuple[str, str], float] = {}
        self.media: dict[str, Media] = {}
        self._by_phone: dict[str, User] = {}
        self._by_user_id: dict[str, User] = {}
        self._by_template: dict[tuple[str, str, str], Template] = {}
        self._load(config)

    def _load(self, config: Config) -> None:
        for app in (made(App, item) for item in config.apps):
            self.apps[app.id] = app
        for token in (made(Token, item) for item in config.tokens):
            self.tokens[token.token] = token
        for waba in (made(Waba, item) for item in config.wabas):
            self.wabas[waba.id] = waba
            for template in waba.templates:
                self.add_template(made(Template, {"id": self.template_id(), "waba": waba.id, **template}))
        for number in (made(Number, item) for item in config.numbers):
            if number.waba not in self.wabas:
                raise ConfigError(f"number {number.id}: no such waba: {number.waba}")
            self.numbers[number.id] = number
        for item in config.users:
            self.add_user(item)

    def wamid(self) -> str:
        """Return a new message id."""
        self._count += 1
        body = b"\x1d" + self._run + self._count.to_bytes(6, "big") + self.rng.randbytes(14)
        return "wamid." + base64.b64encode(b"HBgN" + body + b"\x00\x15\x02\x00\x11").decode()

    def media_id(self) -> str:
        """Return a new media id."""
        return str(MEDIA_BASE + self.rng.randrange(1, 10**12))

    def template_id(self) -> str:
        """Return a new template id."""
        return str(TEMPLATE_BASE + self.rng.randrange(1, 10**12))

    def add_user(self, data: Json) -> User:
        """Create a person, or change the one with this id or phone; raises ConfigError."""
        phone = phones.digits_of(str(data.get("phone", ""))) or ""
        known = self.users.get(str(data.get("id", ""))) or self._by_phone.get(phones.key(phone))
        if known is None:
            values = {**data, "phone": phone}
            values.setdefault("id", phones.key(phone) or f"user-{len(self.users) + 1}")
            user = made(User, values)
        else:
            user = known
            self._change(user, {key: value for key, value in data.items() if key != "id"})
        user.wa_id = user.wa_id or user.phone
        user.lazy = False
        self._index(user)
        return user

    def _change(self, user: User, data: Json) -> None:
        known = {item.name for item in fields(User)}
        strange = sorted(set(data) - known)
        if strange:
            raise ConfigError(f"user: no such key: {', '.join(strange)}")
        if "phone" in data and "wa_id" not in data:
            data["wa_id"] = data["phone"]
        for key, value in data.items():
            setattr(user, key, value)

    def _index(self, user: User) -> None:
        self.users[user.id] = user
        for phone in (user.phone, user.wa_id):
            if phone:
                self._by_phone[phones.key(phone)] = user
        for portfolio in {waba.portfolio for waba in self.wabas.values()}:
            self._by_user_id[user.user_id(portfolio)] = user

    def user_at(self, digits: str) -> User:
        """Return the person with this phone, created on the way if nobody has it."""
        match_key = phones.key(digits)
        user = self._by_phone.get(match_key)
        if user is None:
            country = phones.country(digits)
            user = User(id=match_key, phone=digits, wa_id=digits, country=country, lazy=True)
            self.users[user.id] = user
            self._by_phone[match_key] = user
        return user

    def user_known_as(self, user_id: str) -> User | None:
        """Return the person with this business-scoped id."""
        return self._by_user_id.get(user_id)

    def user_id_of(self, user: User, number: Number) -> str:
        """Return the id that the number's portfolio knows the person by."""
        user_id = user.user_id(self.wabas[number.waba].portfolio)
        self._by_user_id[user_id] = user
        return user_id

    def renew_user_id(self, user: User) -> None:
        """Give the person another business-scoped id, as after a change of number."""
        user.generation += 1
        user.user_ids.clear()
        self._index(user)

    def add_template(self, template: Template) -> None:
        """Make a template known by id and by name and language."""
        self.templates[template.id] = template
        self._by_template[template.waba, template.name, template.language] = template

    def remove_template(self, template: Template) -> None:
        """Forget a template."""
        self.templates.pop(template.id, None)
        self._by_template.pop((template.waba, template.name, template.language), None)

    def template(self, waba_id: str, name: str, language: str) -> Template | None:
        """Return the template of this name and language."""
        return self._by_template.get((waba_id, name, language))

    def token_for(self, text: str) -> Token | None:
        """Return the token, app tokens (`app|secret`) included."""
        token = self.tokens.get(text)
        if token is None and "|" in text:
            app_id, _, secret = text.partition("|")
            app = self.apps.get(app_id)
            if app is not None and secrets.compare_digest(app.secret.encode(), secret.encode()):
                return Token(token=text, app=app_id)
        return token

    def may_see(self, token: Token, waba_id: str) -> bool:
        """Say whether a token reaches an account."""
        waba = self.wabas.get(waba_id)
        return (waba is None or waba.is_meta) and (token.wabas is None or waba_id in token.wabas)

    def number_of(self, text: Any) -> Number | None:
        """Return the number by id or display digits; the first one if nothing is named."""
        if not text:
            return next(iter(self.numbers.values()), None)
        found = self.numbers.get(str(text))
        return found or next((number for number in self.numbers.values() if number.display == str(text)), None)
