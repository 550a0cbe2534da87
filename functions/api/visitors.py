"""Whom an experiment sees who is not signed in: a visitor, who keeps an id of their own."""

from uuid import UUID, uuid4

from fastapi import Request, Response

COOKIE = "visitor"
HEADER = "x-visitor-id"

_YEAR_SECONDS = 365 * 24 * 3600


def visitor_of(request: Request, response: Response, *, secure: bool) -> UUID:
    """The id that the visitor shows, in the header or else the cookie; else they get one to keep.

    Args:
        request: whose visitor it is.
        response: sets the cookie, if there has to be one.
        secure: the cookie travels over TLS only.
    """
    for text in (request.headers.get(HEADER), request.cookies.get(COOKIE)):
        if known := _uuid(text):
            return known
    visitor = uuid4()
    response.set_cookie(
        COOKIE, str(visitor), _YEAR_SECONDS, secure=secure, httponly=True, samesite="lax"
    )
    return visitor


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text and len(text) == 36 else None
    except ValueError:
        return None
