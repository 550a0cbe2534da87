"""Idempotency keys: one effect per key, its first answer replayed for 24 hours."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from local_stack.payments import errors
from local_stack.payments.forms import Form, without_card_number
from local_stack.payments.ledger import Ledger
from local_stack.payments.replies import Reply

_KEPT_SECONDS = 24 * 3600
_PRUNE_SECONDS = 60
_MAX_LENGTH = 255


class IdempotencyKeys:
    """The keys in flight (in memory) and those answered (in the ledger)."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._in_flight: set[str] = set()
        self._pruned = 0.0

    def replay(self, key: str, path: str, form: Form) -> Reply | None:
        """The answer that this key already has.

        Raises:
            StripeError: 400, the key was used for another request.
        """
        if not 0 < len(key) <= _MAX_LENGTH or not (key.isascii() and key.isprintable()):
            raise errors.invalid(f"Idempotency keys have 1 to {_MAX_LENGTH} ASCII characters.")
        saved = self._ledger.saved_reply(key, after=self._clock() - _KEPT_SECONDS)
        if not saved:
            return None
        other = f"Try using a key other than '{key}' if you meant to execute a different request."
        if saved.path != path:
            raise errors.idempotency(
                "Keys for idempotent requests can only be used for the same endpoint they were "
                f"first used for ('{path}' vs '{saved.path}'). {other}"
            )
        if saved.parameters != _canonical(form):
            raise errors.idempotency(
                "Keys for idempotent requests can only be used with the same parameters they were "
                f"first used with. {other}"
            )
        return saved.reply

    @contextmanager
    def in_flight(self, key: str) -> Iterator[None]:
        """Hold the key while its request executes.

        Raises:
            StripeError: 409, another request holds it.
        """
        if key in self._in_flight:
            raise errors.idempotency(
                "There is currently another in-progress request using this Idempotent Key (that "
                "probably means you submitted twice, and the other request is still going "
                f"through): {key}. Please try again later.",
                status=409,
                code="idempotency_key_in_use",
            )
        self._in_flight.add(key)
        try:
            yield
        finally:
            self._in_flight.discard(key)

    def save(self, key: str, path: str, form: Form, reply: Reply) -> None:
        """Keep the first answer; belongs into the transaction of its effect."""
        now = self._clock()
        if abs(now - self._pruned) >= _PRUNE_SECONDS:
            self._pruned = now
            self._ledger.forget_replies(now - _KEPT_SECONDS)
        self._ledger.save_reply(key, path, _canonical(form), reply, now)


def _canonical(form: Form) -> str:
    return json.dumps(without_card_number(form), sort_keys=True)
