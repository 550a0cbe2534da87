"""How often one address may ask: token buckets, filled from `[auth.rate_limit]`."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from local_stack.auth.errors import AuthError
from local_stack.config import AuthRateLimit

Clock = Callable[[], float]
_MAX_KEYS = 10_000
_FIVE_MINUTES = 300
_HOUR = 3600


class RateLimit:
    """One token bucket per key. The longest unused buckets are forgotten, so memory is bounded."""

    def __init__(self, events: int, seconds: float, clock: Clock = time.monotonic) -> None:
        """Allow `events` at once and as many again every `seconds`."""
        self._capacity = events
        self._per_second = events / seconds
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, key: str) -> bool:
        """Take a token out of the key's bucket, if there is one."""
        now = self._clock()
        tokens, since = self._buckets.pop(key, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - since) * self._per_second)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - allowed, now)
        if len(self._buckets) > _MAX_KEYS:
            self._buckets.popitem(last=False)
        return allowed

    def require(self, request: web.Request) -> None:
        """Count the request for the address that sent it; what its headers claim does not matter.

        Raises:
            AuthError: 429, the address has asked too often.
        """
        if not self.allow(request.remote or ""):
            raise AuthError(429, "over_request_rate_limit", "Request rate limit reached")


@dataclass(frozen=True)
class Limits:
    """The limits of one Auth, per client address but for mails."""

    emails: RateLimit

    sign_in_sign_ups: RateLimit
    anonymous_users: RateLimit
    token_refresh: RateLimit
    token_verifications: RateLimit

    @classmethod
    def from_config(cls, config: AuthRateLimit, clock: Clock = time.monotonic) -> "Limits":
        """Full buckets of the configured sizes."""
        return cls(
            emails=RateLimit(config.email_sent, _HOUR, clock),
            sign_in_sign_ups=RateLimit(config.sign_in_sign_ups, _FIVE_MINUTES, clock),
            anonymous_users=RateLimit(config.anonymous_users, _HOUR, clock),
            token_refresh=RateLimit(config.token_refresh, _FIVE_MINUTES, clock),
            token_verifications=RateLimit(config.token_verifications, _FIVE_MINUTES, clock),
        )
