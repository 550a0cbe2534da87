"""What Storage refuses, and the body that says so in Supabase Storage's format."""

import errno
import logging

import psycopg
from aiohttp import web
from aiohttp.typedefs import Handler

log = logging.getLogger(__name__)

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class StorageError(Exception):
    """A refusal: its status, a stable code, a message for people and Storage's older error name.

    Storage answers nearly every refusal with HTTP 400 and tells the status in the body.
    """

    def __init__(
        self, status: int, code: str, message: str, error: str = "", *, http: int = 400
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.error = error or code
        self.http = http

    def response(self) -> web.Response:
        """The answer; it is never kept by caches."""
        body = {
            "statusCode": str(self.status),
            "error": self.error,
            "message": self.message,
            "code": self.code,
        }
        return web.json_response(body, status=self.http, headers={"Cache-Control": "no-store"})


def invalid(message: str) -> StorageError:
    """The request cannot be meant."""
    return StorageError(400, "InvalidRequest", message)


def bucket_not_found() -> StorageError:
    return StorageError(404, "NoSuchBucket", "Bucket not found", "Bucket not found")


def object_not_found() -> StorageError:
    return StorageError(404, "NoSuchKey", "Object not found", "not_found")


def already_exists() -> StorageError:
    return StorageError(409, "ResourceAlreadyExists", "The resource already exists", "Duplicate")


def denied(message: str) -> StorageError:
    """The caller may not do this."""
    return StorageError(403, "AccessDenied", message, "Unauthorized")


def too_large(what: str = "object") -> StorageError:
    message = f"The {what} exceeded the maximum allowed size"
    return StorageError(413, "EntityTooLarge", message, "Payload too large")


def unsupported_type(mimetype: str) -> StorageError:
    message = f"mime type {mimetype} is not supported"
    return StorageError(415, "InvalidMimeType", message, "invalid_mime_type")


def not_implemented(what: str) -> StorageError:
    """Supabase does this; the embedded stack does not."""
    message = f"{what} is not part of the embedded stack"
    return StorageError(501, "NotSupported", message, http=501)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal and failure into Storage's error format."""
    try:
        return await handler(request)
    except StorageError as error:
        return error.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _of_http(request, error).response()
    except psycopg.Error as error:
        return of_database(error).response()
    except ConnectionError:  # the client has gone: there is nobody to answer
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return StorageError(507, "InternalError", "The disk is full", http=507).response()
        log.exception("%s %s failed", request.method, request.rel_url.path)
        return StorageError(500, "InternalError", "Internal Server Error", http=500).response()


def of_database(error: psycopg.Error) -> StorageError:
    """What the database's refusal means here; a failure that is nobody's fault is logged."""
    state, message = error.sqlstate or "", error.diag.message_primary or str(error)
    if state in _BY_STATE:
        return _BY_STATE[state]
    if refusal := _refusal(state, message, error.diag.message_detail or ""):
        return refusal
    if not state and type(error) is psycopg.DataError:  # the driver refused to send it
        return StorageError(400, "InvalidParameter", message)
    log.warning("The database failed: %s %s", state or type(error).__name__, message)
    if isinstance(error, psycopg.OperationalError):
        return StorageError(503, "DatabaseError", "The database is not available", http=503)
    return StorageError(500, "DatabaseError", f"database error, code: {state}", http=500)


_BY_STATE = {
    "23505": already_exists(),
    "55P03": StorageError(423, "ResourceLocked", "The resource is locked"),
    "57014": StorageError(
        544, "DatabaseTimeout", "The connection to the database timed out", http=544
    ),
}


def _refusal(state: str, message: str, detail: str) -> StorageError | None:
    """The SQLSTATEs that say that the request was wrong."""
    if state == "42501":
        policy = "row-level security" in message
        return denied("new row violates row-level security policy" if policy else message)
    if state == "23503" and "still referenced" in detail:
        return StorageError(409, "ResourceReferenced", "The resource is still referenced")
    if state == "23503":
        return StorageError(404, "InvalidRequest", "The related resource does not exist")
    if state.startswith("22"):
        return StorageError(400, "InvalidParameter", message)
    if state.startswith("P0"):  # a trigger of the app said no
        return StorageError(400, "DatabaseError", message)
    return None


def _of_http(request: web.Request, error: web.HTTPException) -> StorageError:
    if error.status == 413:
        return too_large("request body")
    if error.status == 404:
        path = request.rel_url.raw_path
        message = f"Route {request.method}:{path} not found"
        return StorageError(404, "NotFound", message, "Not Found", http=404)
    return StorageError(error.status, "InvalidRequest", error.reason, http=error.status)
