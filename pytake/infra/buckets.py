"""Limits of sending: many buckets asked in one call to Redis, all or nothing for each message.

A bucket is GCRA (generic cell rate algorithm): a rate and a burst, kept as one number, the time at which
it would be full again. A message passes when all its buckets allow it; otherwise nothing is taken and
the wait is returned, with the bucket that caused it. Those that wait are given instants one after the
other, not the same one. A `Crowd` counts different people instead of messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from pytake.infra import redis_client

# ARGV: now (ms), number of shapes, four values a shape: kind (g: GCRA, l: with a line, p: paid once, c: crowd), then
# cost, tolerance, patience (GCRA) or limit (crowd). Then for every message the number of its buckets, whether it was
# put off before, and for each bucket its shape, after which a crowd has its member. KEYS: a bucket's state, followed
# by the mark of who has paid where that matters.
_SCRIPT = """
local now, day = tonumber(ARGV[1]), 86400000
local shapes, at, key = {}, 3, 1
for i = 1, tonumber(ARGV[2]) do
  shapes[i] = {ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])}
  at = at + 4
end
local answers, ahead, turns = {}, {}, {}

local function is_known(state, member)
  local score = redis.call('ZSCORE', state, member)
  return score and tonumber(score) > now - day
end

-- Where those that are put off stand in line: one after the other, also across calls where there is a line.
local function later(state, cost, early, again, has_line)
  local behind = ahead[state] or 0
  ahead[state] = behind + cost
  local wait = early + behind
  if has_line and not again then
    local line = state .. ':line'
    wait = math.max(wait, tonumber(redis.call('GET', line) or '0') + cost - now)
    redis.call('SET', line, string.format('%.0f', now + wait), 'PX', math.max(1, math.ceil(wait)))
  end
  return wait
end

local function room_in_crowd(state, limit)
  redis.call('ZREMRANGEBYSCORE', state, '-inf', now - day)
  if redis.call('ZCARD', state) < limit then return 0 end
  local nth = ahead[state] or 0
  ahead[state] = nth + 1
  return (tonumber(redis.call('ZRANGE', state, nth, nth, 'WITHSCORES')[2]) or now) + day - now
end

while at <= #ARGV do
  local count, again = tonumber(ARGV[at]), ARGV[at + 1] == '1'
  at = at + 2
  local asked, wait, which, delay = {}, 0, 0, 0
  for i = 1, count do
    local member = nil
    local shape = shapes[tonumber(ARGV[at])]
    if shape[1] == 'c' then member, at = ARGV[at + 1], at + 1 end
    at = at + 1
    local state, paid = KEYS[key], nil
    key = key + 1
    if shape[1] == 'p' then paid, key = KEYS[key], key + 1 end
    if member then
      asked[i] = {state, shape, nil, nil, member, not is_known(state, member)}
    elseif not (paid and redis.call('EXISTS', paid) == 1) then
      local full = math.max(tonumber(redis.call('GET', state) or '0'), now)
      asked[i] = {state, shape, full + shape[2], paid, nil, full - shape[3] - now > shape[4], full - shape[3] - now}
      delay = math.max(delay, full - shape[3] - now)
    end
  end
  for i = 1, count do
    local one = asked[i]
    if one and one[6] then
      local mine
      if one[5] then
        mine = room_in_crowd(one[1], one[2][2])
      elseif one[4] and turns[one[4]] then
        mine = turns[one[4]]
      else
        mine = later(one[1], one[2][2], one[7], again, one[2][1] ~= 'g')
        if one[4] then turns[one[4]] = mine end
      end
      if mine > wait then wait, which = mine, i end
    end
  end
  if which == 0 then
    for i = 1, count do
      local one = asked[i]
      if one and one[5] then
        redis.call('ZADD', one[1], now, one[5])
        redis.call('PEXPIRE', one[1], day + 3600000)
      elseif one then
        redis.call('SET', one[1], string.format('%.3f', one[3]), 'PX', math.max(1, math.ceil(one[3] - now)))
        if one[4] then redis.call('SET', one[4], '1', 'PX', 3600000) end
      end
    end
    wait = delay
  end
  answers[#answers + 1] = math.max(which == 0 and 0 or 1, math.ceil(wait))
  answers[#answers + 1] = which
end
return answers
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """At most `burst` at once and `per` messages in `seconds` in the long run.

    What would have to wait no longer than `patience_s` is taken at once, with a delay. `paid` names what is
    paid for once however many messages it has. In a `line`, what is put off queues up across calls.
    """

    name: str
    per: float
    seconds: float
    burst: float
    patience_s: float = 0.0
    paid: str = ""
    line: bool = False

    @property
    def cost_ms(self) -> float:
        """Milliseconds that one message occupies."""
        return self.seconds * 1000 / self.per

    @property
    def tolerance_ms(self) -> float:
        """How far ahead of the rate a burst may run."""
        return self.cost_ms * (max(self.burst, 1) - 1)

    @property
    def kind(self) -> str:
        """Return the first part of its key."""
        return "bucket"

    @property
    def shape(self) -> tuple[str, ...]:
        """Return what it has in common with other buckets."""
        kind = "p" if self.paid else "l" if self.line else "g"
        return (kind, f"{self.cost_ms:.3f}", f"{self.tolerance_ms:.3f}", f"{self.patience_s * 1000:.0f}")


@dataclass(frozen=True, slots=True)
class Crowd:
    """At most `limit` different members in any 24 hours."""

    name: str
    limit: int
    member: str

    @property
    def kind(self) -> str:
        """Return the first part of its key."""
        return "crowd"

    @property
    def shape(self) -> tuple[str, ...]:
        """Return what it has in common with other crowds."""
        return ("c", str(self.limit), "0", "0")


Limit: TypeAlias = Bucket | Crowd


@dataclass(frozen=True, slots=True)
class Verdict:
    """Take it now, `delay_s` from now (`by` is empty), or put it off by `delay_s` because of the bucket `by`."""

    delay_s: float
    by: str = ""


@lru_cache(maxsize=1)
def _script() -> Any:
    return redis_client.client().register_script(_SCRIPT)


def take(requests: Sequence[Sequence[Limit]], *, now: float, again: Sequence[bool] = ()) -> list[Verdict]:
    """Judge each message (`again`: it was put off before); all in one call. Raises redis.RedisError."""
    keys: list[str] = []
    shapes: dict[tuple[str, ...], str] = {}
    wanted: list[str] = []
    for n, limits in enumerate(requests):
        wanted += (str(len(limits)), "1" if again and again[n] else "0")
        for limit in limits:
            wanted.append(shapes.setdefault(limit.shape, str(len(shapes) + 1)))
            keys.append(redis_client.key(limit.kind, limit.name))
            if isinstance(limit, Crowd):
                wanted.append(limit.member)
            elif limit.paid:
                keys.append(redis_client.key("paid", limit.paid))
    if not keys:
        return [Verdict(0.0)] * len(requests)
    head = [f"{now * 1000:.0f}", str(len(shapes)), *(value for shape in shapes for value in shape)]
    result: list[int] = _script()(keys=keys, args=head + wanted, client=redis_client.client())
    pairs = zip(result[::2], result[1::2], requests, strict=True)
    return [Verdict(wait / 1000, limits[which - 1].name if which else "") for wait, which, limits in pairs]


@dataclass(frozen=True, slots=True)
class Room:
    """How many messages fit now, and which bucket allows no more (with the seconds until it allows one)."""

    count: int
    by: str = ""
    wait_s: float = 0.0


def room(buckets: Sequence[Bucket], *, now: float, most: int) -> Room:
    """Look without taking. Raises redis.RedisError."""
    if not buckets:
        return Room(most)
    keys = [redis_client.key("bucket", bucket.name) for bucket in buckets]
    found: Any = redis_client.client().mget(keys)
    tightest = Room(most)
    for bucket, value in zip(buckets, found, strict=True):
        early = max(float(value or 0) - now * 1000, 0.0) - bucket.tolerance_ms - bucket.patience_s * 1000
        count = int(-early // bucket.cost_ms) + 1 if early <= 0 else 0
        wait_s = max(early, 0.0) / 1000
        if count < tightest.count or (count == tightest.count == 0 and wait_s > tightest.wait_s):
            tightest = Room(count, bucket.name, wait_s)
    return tightest
