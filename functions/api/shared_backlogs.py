"""Backlogs of rate limits in Redis, so that all processes count together."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

_PREFIX = "orderbase:rate:"

# By the clock of Redis, so that processes need not agree on the time.
_ADD = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local backlog = math.max(0, tonumber(redis.call('GET', KEYS[1]) or now) - now)
local grown = backlog + tonumber(ARGV[1])
if grown > tonumber(ARGV[2]) then
  return {0, tostring(backlog)}
end
redis.call('SET', KEYS[1], string.format('%.6f', now + grown), 'PX', math.ceil(grown * 1000) + 1)
return {1, tostring(grown)}
"""


class SharedBacklogs:
    """See `Backlogs`."""

    def __init__(self, redis: "Redis") -> None:
        self._add = redis.register_script(_ADD)

    async def add(self, key: str, seconds: float, most: float) -> tuple[bool, float]:
        """See `Backlogs`.

        Raises:
            RedisError: Redis does not answer.
        """
        admitted, backlog = await self._add(keys=[_PREFIX + key], args=[seconds, most])
        return bool(admitted), float(backlog)
