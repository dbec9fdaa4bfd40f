"""Rules that make requests go wrong on purpose, and the recipients whose last digits ask for it.

A rule is `{"match": {...}, "do": "reset_after", ...parameters}`; the first live rule that matches is applied.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any, Final

from conversations.simulator.config import ConfigError, Json

# They happen instead of the processing…
BEFORE: Final = frozenset(
    {"latency", "http", "error", "reset_before", "html_502", "hang", "token_revoked", "number_state", "webhook_outage"}
)
# … and these after it, so that the message exists although the answer says otherwise.
AFTER: Final = frozenset(
    {"reset_after", "error_after", "garbage_200", "slow_body", "async_error", "early_status", "pending"}
)
ACTIONS: Final = BEFORE | AFTER
MATCHERS: Final = frozenset({"endpoint", "phone_id", "to", "template", "type", "callback", "nth", "p", "from", "until"})


@dataclass(slots=True)
class Rule:
    """One fault rule with its counters."""

    id: int
    match: Json
    do: str
    params: Json
    max_hits: int
    rng: random.Random
    seen: int = 0
    hits: int = 0

    def as_json(self) -> Json:
        """Return the rule with its counters."""
        counters = {"id": self.id, "seen": self.seen, "hits": self.hits, "max_hits": self.max_hits or None}
        return {**counters, "match": self.match, "do": self.do, **self.params}


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a rule is matched against; the body's parts are empty where the endpoint has none."""

    endpoint: str
    phone_id: str
    now: float
    to: str = ""
    template: str = ""
    kind: str = ""
    callback: str = ""


@dataclass(slots=True)
class Faults:
    """The rules in force, in the order in which they were posted."""

    rules: list[Rule] = field(default_factory=list)
    _count: int = 0

    def add(self, data: Json, *, seed: int) -> Rule:
        """Add a rule; raises ConfigError for an action or matcher that does not exist."""
        params = dict(data)
        match = params.pop("match", {})
        do = params.pop("do", "")
        if do not in ACTIONS:
            raise ConfigError(f"do: one of {', '.join(sorted(ACTIONS))}")
        if not isinstance(match, dict) or set(match) - MATCHERS:
            raise ConfigError(f"match: an object with keys from {', '.join(sorted(MATCHERS))}")
        max_hits = int(params.pop("max_hits", match.get("max_hits", 0)))
        rng = random.Random(params.pop("seed", seed))  # noqa: S311 - simulated chance, not a secret
        self._count += 1
        rule = Rule(id=self._count, match=match, do=do, params=params, max_hits=max_hits, rng=rng)
        self.rules.append(rule)
        return rule

    def remove(self, rule_id: int | None = None) -> None:
        """Remove one rule, or all of them."""
        self.rules = [rule for rule in self.rules if rule_id is not None and rule.id != rule_id]

    def pick(self, occasion: Occasion) -> Rule | None:
        """Return the first rule that strikes now, counted."""
        for rule in self.rules:
            if rule.max_hits and rule.hits >= rule.max_hits:
                continue
            if _fits(rule.match, occasion) and _strikes(rule):
                rule.hits += 1
                return rule
        return None


def _fits(match: Json, occasion: Occasion) -> bool:
    for key, value in (
        ("endpoint", occasion.endpoint),
        ("phone_id", occasion.phone_id),
        ("template", occasion.template),
        ("type", occasion.kind),
    ):
        if key in match and match[key] != value:
            return False
    for key, value in (("to", occasion.to), ("callback", occasion.callback)):
        if key in match and not re.search(str(match[key]), value):
            return False
    return bool(match.get("from", 0) <= occasion.now < match.get("until", float("inf")))


def _strikes(rule: Rule) -> bool:
    rule.seen += 1
    nth: Any = rule.match.get("nth")
    if nth is not None:
        wanted = nth if isinstance(nth, list) else [nth]
        return rule.seen in wanted
    return rule.rng.random() < float(rule.match.get("p", 1.0))


@dataclass(slots=True)
class Magic:
    """Numbers of the reserved test range whose last three digits say what happens."""

    attempts: dict[str, int] = field(default_factory=dict)

    def fault(self, digits: str, *, kind: str, has_link: bool) -> Rule | None:
        """Return what happens to a message to these digits, as a rule; None for an ordinary send."""
        suffix = digits[-3:]
        attempt = self.attempts[digits] = self.attempts.get(digits, 0) + 1
        if suffix in ASYNC:
            applies = {"047": kind != "template", "053": has_link}.get(suffix, True)
            return _rule("async_error", code=ASYNC[suffix]) if applies else None
        if suffix in REFUSED:
            code, times = REFUSED[suffix]
            return _rule("error", code=code) if attempt <= times else None
        match suffix:
            case "500":
                return _rule("error", code=131000, http=500)
            case "501":
                return _rule("error_after", code=131000, http=500)
            case "408":
                return _rule("reset_after")
            case "200":
                return _rule("garbage_200")
            case "005":
                return _rule("early_status")
            case _:
                return None


ASYNC: Final = {"026": 131026, "047": 131047, "049": 131049, "050": 131050, "472": 130472, "053": 131053}
REFUSED: Final = {"429": (130429, 1), "056": (131056, 2)}


def _rule(do: str, **params: Any) -> Rule:
    return Rule(id=0, match={}, do=do, params=params, max_hits=0, rng=_NO_CHANCE)


_NO_CHANCE: Final = random.Random(0)  # noqa: S311 - never drawn from
