"""Dead letters: what no retry could help, for people to decide."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, rpc
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._page import MAX_ROWS, Page, check_limit, page_of, values_of
from orderbase.models.base import DEFERRED, Model, Told
from orderbase.staff._resource import StaffResource

DeadLetterAction: TypeAlias = Literal["retry", "give_up"]
DeadLetterResolution: TypeAlias = Literal["retried", "given_up"]

# Giving up any other step would leave money hanging.
_MAY_BE_GIVEN_UP = frozenset({None, "charge", "ship"})


class FailedAttempt(Model, frozen=True):
    """One attempt that failed. `error` says how; None if there was nothing to say."""

    at: datetime
    outcome: str
    error: str | None = None


class DeadLetter(Model, frozen=True):
    """A message that no retry could help, kept until somebody retries it or gives it up.

    `reason` is a stable code, `cause` the last error in words, `history` what failed when.
    `step_key` is the idempotency key of the order's step that it is about, if it is about one;
    `email_id` the mail's. `resolution` is None while it is open.
    """

    id: int
    queue: str
    order_id: UUID | None
    step_key: str | None
    email_id: UUID | None
    reason: str
    cause: str
    attempts: int
    history: tuple[FailedAttempt, ...]
    message: JsonValue
    created_at: datetime
    resolution: Told[DeadLetterResolution] | None
    resolved_at: datetime | None
    resolved_by: UUID | None

    @property
    def step(self) -> str | None:
        """The step of the order that it is about, such as "charge"; None if it is about none."""
        return self.step_key and self.step_key.rsplit("-", 2)[1]

    @property
    def actions(self) -> tuple[DeadLetterAction, ...]:
        """What the shop lets you do with it: nothing, once it is resolved.

        Where money is at stake, such as in a refund, it can only be retried.
        """
        if self.resolution is not None:
            return ()
        return ("retry", "give_up") if self.step in _MAY_BE_GIVEN_UP else ("retry",)


_LETTERS = TypeAdapter(list[DeadLetter], config=DEFERRED)
_RESOLUTION: TypeAdapter[DeadLetterResolution] = TypeAdapter(DeadLetterResolution, config=DEFERRED)
_COUNT = TypeAdapter(int, config=DEFERRED)
_NEWEST = "dead_letters newest"


def _list_letters(only_open: bool, limit: int, after: str | None) -> Call[Page[DeadLetter]]:
    def parse(content: bytes) -> Page[DeadLetter]:
        return page_of(_LETTERS.validate_json(content), limit, _NEWEST, lambda last: [last.id])

    check_limit(limit)
    arguments: dict[str, JsonValue] = {
        "only_open": only_open,
        "max_rows": min(limit + 1, MAX_ROWS),
    }
    if after is not None:
        [arguments["before"]] = values_of(after, _NEWEST, 1)
    return rpc("dead_letters", parse, arguments)


def _resolve(verb: str, dead_letter_id: int) -> Call[None]:
    def parse(content: bytes) -> None:
        _RESOLUTION.validate_json(content)

    return rpc(verb, parse, {"dead_letter_id": dead_letter_id})


def _retry_like(dead_letter_id: int) -> Call[int]:
    # A second call would count only what the first has left.
    arguments: dict[str, JsonValue] = {"dead_letter_id": dead_letter_id}
    return rpc("retry_dead_letters_like", _COUNT.validate_json, arguments, repeatable=False)


class AsyncDeadLetters(StaffResource):
    """What no retry could help. An order that has one needs attention."""

    async def list(
        self, *, only_open: bool = True, limit: int = 100, after: str | None = None
    ) -> Page[DeadLetter]:
        """Dead letters, the newest first.

        Args:
            only_open: leave out those that are resolved.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        return await self._call(_list_letters(only_open, limit, after))

    def each(self, *, only_open: bool = True) -> AsyncEach[DeadLetter]:
        """All of them, to iterate over: read page by page. See `list`."""
        return AsyncEach(lambda after: self.list(only_open=only_open, limit=EACH_TIME, after=after))

    async def retry(self, dead_letter_id: int) -> None:
        """Try again, with new counters and the idempotency key of before. Twice is once.

        Raises:
            NotFound: there is no such dead letter.
            Conflict: "dead_letter_resolved": it was given up.
        """
        await self._call(_resolve("retry_dead_letter", dead_letter_id))

    async def retry_like(self, dead_letter_id: int) -> int:
        """Try it and all open ones of the same queue, reason and step again; how many.

        It is sent once: when the answer is lost, so is the number, and you may call again.

        Raises:
            NotFound: there is no such dead letter.
        """
        return await self._call(_retry_like(dead_letter_id))

    async def give_up(self, dead_letter_id: int) -> None:
        """Try no more. Twice is once.

        An order turns back: a charge is made sure not to happen, or refunded; what could not be
        shipped is refunded; then the stock is free.

        Raises:
            NotFound: there is no such dead letter.
            Conflict: "dead_letter_resolved": it was retried; "cannot_give_up": money is at stake,
                see `actions`.
        """
        await self._call(_resolve("give_up_dead_letter", dead_letter_id))


class DeadLetters(Blocking[AsyncDeadLetters]):
    """See AsyncDeadLetters: the same, and each method waits."""

    list = blocking(AsyncDeadLetters.list)
    each = iterating(AsyncDeadLetters.each)
    retry = blocking(AsyncDeadLetters.retry)
    retry_like = blocking(AsyncDeadLetters.retry_like)
    give_up = blocking(AsyncDeadLetters.give_up)
