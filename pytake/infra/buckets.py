"""Limits of sending: many buckets asked in one call to Redis, all or nothing for each message.

A bucket is GCRA (generic cell rate algorithm): a rate and a burst, kept as one number, the time at which
it would be full again. A message passes when all its buckets allow it; otherwise nothing is taken and
the wait is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pytake.infra import redis_client

# KEYS: one a bucket, message after message. ARGV: now (ms), then for every message the number of its
# buckets and, for each of those, the milliseconds one message costs and the tolerance in milliseconds.
_SCRIPT = """
local now = tonumber(ARGV[1])
local at, key = 2, 1
local waits = {}
while at <= #ARGV do
  local buckets = tonumber(ARGV[at])
  at = at + 1
  local wait, fresh = 0, {}
  for i = 1, buckets do
    local cost, tolerance = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local full = math.max(tonumber(redis.call('GET', KEYS[key + i - 1]) or '0'), now)
    local early = full - tolerance - now
    if early > wait then wait = early end
    fresh[i] = full + cost
    at = at + 2
  end
  if wait <= 0 then
    for i = 1, buckets do
      local lifetime = math.max(1, math.ceil(fresh[i] - now))
      redis.call('SET', KEYS[key + i - 1], string.format('%.0f', fresh[i]), 'PX', lifetime)
    end
  end
  key = key + buckets
  waits[#waits + 1] = math.max(0, math.ceil(wait))
end
return waits
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """At most `burst` at once and `per` messages in `seconds` in the long run."""

    name: str
    per: int
    seconds: float
    burst: int

    @property
    def cost_ms(self) -> float:
        """Milliseconds that one message occupies."""
        return self.seconds * 1000 / self.per

    @property
    def tolerance_ms(self) -> float:
        """How far ahead of the rate a burst may run."""
        return self.cost_ms * (max(self.burst, 1) - 1)


@lru_cache(maxsize=1)
def _script() -> Any:
    return redis_client.client().register_script(_SCRIPT)


def take(requests: Sequence[Sequence[Bucket]], *, now: float) -> list[int]:
    """Return for each message 0 (take it now) or the milliseconds to wait. Raises redis.RedisError."""
    keys: list[str] = []
    arguments: list[str] = [f"{now * 1000:.0f}"]
    for buckets in requests:
        arguments.append(str(len(buckets)))
        for bucket in buckets:
            keys.append(redis_client.key("bucket", bucket.name))
            arguments += [f"{bucket.cost_ms:.3f}", f"{bucket.tolerance_ms:.3f}"]
    if not keys:
        return [0] * len(requests)
    result: list[int] = _script()(keys=keys, args=arguments, client=redis_client.client())
    return [int(wait) for wait in result]
