"""Unsafe calls under an `Idempotency-Key`: carried out once, and answered alike ever after."""

import hashlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request, Response

from functions.api.callers import Caller
from functions.api.clients import Clients
from functions.api.models import Fields
from functions.kit.database import Database, DatabaseError, Row
from functions.kit.problems import Problem, unauthorized

_LOG = logging.getLogger(__name__)

REPLAYED = "Idempotency-Replayed"
Shown = TypeVar("Shown", bound=Fields)

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Calls with the same key and body are one call.",
        examples=["4f2b8a1e-5d0c-4c39-9a77-1f2e3d4c5b6a"],
    ),
]


@dataclass(frozen=True)
class OnceForKey:
    """Of one request."""

    _database: Database
    _response: Response
    _scope: Row
    """The caller, their key and the request's hash; empty without a key."""
    new_id: UUID | None = None
    """For what the call makes: alike whenever it is sent again. None without a key."""

    async def __call__(self, kind: type[Shown], operation: Callable[[], Awaitable[Shown]]) -> Shown:
        """What the operation shows, or showed when this request came for the first time.

        Raises:
            Problem: the operation's, now or then; or the key is in use.
        """
        if not self._scope:
            return await operation()
        [row] = await self._database.call("claim_idempotency_key", self._scope) or [_VANISHED]
        if row["state"] == "answered":
            self._response.headers[REPLAYED] = "true"
            return _replayed(kind, row["answer"])
        if row["state"] != "claimed":
            raise _refusal(row["state"])
        return await self._carry_out(row["claim"], operation)

    async def _carry_out(self, claim: str, operation: Callable[[], Awaitable[Shown]]) -> Shown:
        answer: Row | None = None
        try:
            shown = await operation()
            answer = {"body": shown.model_dump(mode="json")}
        except Problem as problem:
            answer = _kept(problem)
            raise
        finally:
            await self._settle(claim, answer)
        return shown

    async def _settle(self, claim: str, answer: Row | None) -> None:
        key = {name: self._scope[name] for name in ("caller", "key")}
        try:
            settled = key | {"claim": claim, "answer": answer}
            await self._database.call("settle_idempotency_key", settled)
        except DatabaseError as error:
            # What was done is done: the caller hears of it, and only a repetition would not.
            _LOG.warning("an answer is not kept under its key", exc_info=error)


async def _once(
    request: Request, response: Response, caller: Caller, api: Clients, key: Key = None
) -> OnceForKey:
    if key is None:
        return OnceForKey(api.database, response, {})
    secret = api.settings.supabase_secret_key.get_secret_value().encode()
    content = _digest(
        secret, request.method, request.url.path, _canonical(await request.body())
    ).hex()
    scope = {"caller": str(caller.id), "key": key, "request_hash": content}
    new_id = UUID(bytes=_digest(secret, *scope.values())[:16], version=4)
    return OnceForKey(api.database, response, scope, new_id)


Once = Annotated[OnceForKey, Depends(_once)]

_VANISHED: Row = {"state": "in_progress"}


def _digest(secret: bytes, *parts: str) -> bytes:
    return hmac.digest(secret, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256)


def _canonical(body: bytes) -> str:
    return json.dumps(json.loads(body), sort_keys=True) if body else ""


def _replayed(kind: type[Shown], answer: Row) -> Shown:
    if problem := answer.get("problem"):
        raise Problem(
            HTTPStatus(problem["status"]),
            problem["code"],
            problem["detail"],
            context=problem["context"],
            headers={REPLAYED: "true"},
        )
    return kind.model_validate(answer["body"])


def _kept(problem: Problem) -> Row | None:
    """Nothing of a problem that may pass."""
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR or problem.status in _PASSING:
        return None
    names = ("status", "code", "detail", "context")
    return {"problem": {name: getattr(problem, name) for name in names}}


_PASSING = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)


def _refusal(state: str) -> Problem:
    if state == "nobody":
        return unauthorized("sign_in_required", "This account is no more.")
    if state == "reused":
        detail = "This idempotency key belongs to another request."
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
    detail = "The first request with this idempotency key is still at work."
    headers = {"Retry-After": "1"}
    return Problem(HTTPStatus.CONFLICT, "idempotency_in_progress", detail, headers=headers)
