"""Errors as RFC 9457 problem details, each with a stable code and the request's id."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from functions.kit.database import DatabaseUnavailable
from functions.kit.requests import REQUEST_ID_HEADER, request_id
from functions.kit.webhooks import WebhookRefused

_MOST_ERRORS = 20
_LONGEST_PLACE = 200
_CLIENT_GONE = 499
"""What proxies call it; nobody gets to see it but metrics and logs."""


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An answer other than success. `code` is what programs read, `detail` what people read."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        context: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`context` has details of the refusal, by code; `headers` go with the answer."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.context = context
        self.headers = headers or {}


def unavailable(detail: str = "The shop does not answer right now. Try again.") -> Problem:
    """What else the answer depends on does not answer; the same call may succeed later."""
    headers = {"Retry-After": "2"}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers=headers)


def unauthorized(code: str, detail: str, challenge: str = "Bearer") -> Problem:
    """Who calls is not proven; `challenge` tells how it could be."""
    headers = {"WWW-Authenticate": challenge}
    return Problem(HTTPStatus.UNAUTHORIZED, code, detail, headers=headers)


def answer_problems(app: FastAPI) -> None:
    """Make every error of the app, expected or not, a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(DatabaseUnavailable, _database_unavailable)
    app.add_exception_handler(WebhookRefused, _webhook_refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class
    context = {"context": error.context} if error.context else {}
    response = _response(error.status, error.code, error.detail, **context)
    response.headers.update(error.headers)
    return response


def _database_unavailable(request: Request, _error: Exception) -> JSONResponse:
    return _problem(request, unavailable())


def _webhook_refused(_request: Request, error: Exception) -> JSONResponse:
    return _response(HTTPStatus.UNAUTHORIZED, "invalid_signature", str(error))


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return _response(HTTPStatus.BAD_REQUEST, "malformed_json", "The body is not JSON.")
    errors = [
        {"at": ".".join(map(str, problem["loc"]))[:_LONGEST_PLACE], "detail": problem["msg"]}
        for problem in found[:_MOST_ERRORS]
    ]
    detail = "The request does not have the expected form."
    return _response(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=errors)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.BAD_REQUEST:  # FastAPI's, for what its parser stumbles over
        return _response(status, "malformed_json", "The body is not JSON.")
    response = _response(status, status.name.lower(), str(error.detail))
    response.headers.update(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods_here(request))
    return response


def _methods_here(request: Request) -> list[str]:
    """Of all routes with this path; who raises the error knows only of the first one."""
    here = (
        context.methods or ()
        for context in iter_route_contexts(request.app.routes)
        if context.matches(request.scope)[0] is not Match.NONE
    )
    methods = {method for methods in here for method in methods}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    # This answer is made outside of the middleware that names the request.
    detail = "The function failed; the log has the cause under this request id."
    response = _response(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)
    response.headers[REQUEST_ID_HEADER] = request_id()
    return response


def _response(status: HTTPStatus, code: str, detail: str, **members: Any) -> JSONResponse:  # noqa: ANN401 - any JSON
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code,
        "request_id": request_id(),
        **members,
    }
    return JSONResponse(body, status.value, media_type="application/problem+json")
