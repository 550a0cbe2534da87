"""Errors as RFC 9457 problem details, each with a stable code and the request's id."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from functions.kit.requests import REQUEST_ID_HEADER, request_id
from functions.kit.webhooks import WebhookRefused


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An answer other than success. `code` is what programs read, `detail` what people read."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def answer_problems(app: FastAPI) -> None:
    """Make every error of the app, expected or not, a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(WebhookRefused, _webhook_refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class
    return _response(error.status, error.code, error.detail)


def _webhook_refused(_request: Request, error: Exception) -> JSONResponse:
    return _response(HTTPStatus.UNAUTHORIZED, "invalid_signature", str(error))


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    errors = [
        {"at": ".".join(map(str, problem["loc"])), "detail": problem["msg"]}
        for problem in error.errors()
    ]
    detail = "The request does not have the expected form."
    return _response(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=errors)


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    status = HTTPStatus(error.status_code)
    response = _response(status, status.name.lower(), str(error.detail))
    response.headers.update(error.headers or {})
    return response


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
