"""Broadcasts by HTTP: many at once, or one whose topic and event are in the address."""

import json
from typing import Any, NoReturn

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from local_stack.realtime import broadcasts
from local_stack.realtime import credentials as credentials_of
from local_stack.realtime.authorization import BROADCAST, AuthorizationError
from local_stack.realtime.broadcasts import Broadcast
from local_stack.realtime.credentials import Credentials
from local_stack.realtime.limits import Rate
from local_stack.realtime.messages import MAX_PAYLOAD
from local_stack.realtime.service import Service
from local_stack.tokens import InvalidTokenError

SERVICE = web.AppKey("service", Service)
RATE = web.AppKey("rate", Rate)
_JSON, _BYTES = "application/json", "application/octet-stream"


class _RefusedError(Exception):
    """The request is not carried out."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Message(BaseModel):
    topic: str = Field(min_length=1)
    event: str = Field(min_length=1)
    payload: dict[str, Any]
    private: bool = False


class _Batch(BaseModel):
    messages: list[_Message]


def refusal(status: int, message: str) -> web.Response:
    """An error as JSON."""
    return web.json_response({"message": message}, status=status)


async def broadcast_batch(request: web.Request) -> web.Response:
    """`{messages: [{topic, event, payload, private}]}`; what is not permitted is left out."""
    try:
        credentials = _credentials(request)
        batch = _Batch.model_validate_json(await _body(request))
        _count(request, len(batch.messages))
        service = request.app[SERVICE]
        for message in batch.messages:
            if not message.private or await _permitted(service, credentials, message.topic):
                payload = json.dumps(message.payload)
                broadcast = broadcasts.of_json(message.event, payload)
                _send(service, message.topic, broadcast, private=message.private)
    except ValidationError as error:
        return _invalid(error)
    except _RefusedError as error:
        return refusal(error.status, str(error))
    return web.Response(status=202)


async def broadcast_one(request: web.Request) -> web.Response:
    """The body is the payload, JSON or bytes; `?private=true` for a private topic."""
    try:
        credentials = _credentials(request)
        broadcast = await _one(request)
        _count(request, 1)
        service, topic = request.app[SERVICE], request.match_info["topic"]
        private = request.query.get("private") == "true"
        if private:
            await _require(service, credentials, topic)
        _send(service, topic, broadcast, private=private)
    except _RefusedError as error:
        return refusal(error.status, str(error))
    return web.Response(status=202)


def _credentials(request: web.Request) -> Credentials:
    tokens = request.app[SERVICE].tokens
    try:
        return credentials_of.read(tokens, tokens.of_request(request) or "")
    except InvalidTokenError as error:
        raise _RefusedError(401, f"Invalid API key: {error}") from error


def _count(request: web.Request, messages: int) -> None:
    if not request.app[RATE].allows(messages):
        raise _RefusedError(429, "You have exceeded your rate limit")


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_PAYLOAD:
            raise _RefusedError(413, f"The body is larger than {MAX_PAYLOAD} bytes")
    return bytes(body)


async def _one(request: web.Request) -> Broadcast:
    event, kind = request.match_info["event"], request.content_type
    if "Content-Type" in request.headers and kind not in {_JSON, _BYTES}:
        raise _RefusedError(415, f"Unsupported Media Type. Use {_JSON} or {_BYTES}")
    body = await _body(request)
    if "Content-Type" in request.headers and kind == _BYTES:
        return Broadcast(event, body)
    try:
        payload = json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _RefusedError(400, "The body is not JSON") from error
    return broadcasts.of_json(event, json.dumps(payload))


async def _permitted(service: Service, credentials: Credentials, topic: str) -> bool:
    try:
        return BROADCAST in await service.authorization.writable(topic, credentials)
    except AuthorizationError as error:
        raise _RefusedError(422, str(error)) from error


async def _require(service: Service, credentials: Credentials, topic: str) -> None:
    if not await _permitted(service, credentials, topic):
        raise _RefusedError(403, "Unauthorized")


def _send(service: Service, name: str, broadcast: Broadcast, *, private: bool) -> None:
    topic = service.topics.find(name, private=private)
    if topic:
        topic.broadcast(broadcast)


def _invalid(error: ValidationError) -> web.Response:
    """Not JSON, or not of that shape."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return refusal(400, "The body is not JSON")
    return refusal(422, f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
