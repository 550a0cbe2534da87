"""GET /experiments/{name}: the arm that the caller sees."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request, Response

from functions.api.callers import OptionalCaller
from functions.api.clients import Clients
from functions.api.models import Fields
from functions.api.problem_schema import problems
from functions.api.routing import api_router
from functions.api.visitors import HEADER, visitor_of
from functions.kit.heads import is_head
from functions.kit.problems import Problem

router = api_router("experiments")

_CACHING = {"Cache-Control": "private, no-store", "Vary": f"Authorization, Cookie, {HEADER}"}
_NAME = r"^[a-z][a-z0-9_]{0,62}$"


class Assignment(Fields):
    """The arm of an experiment that the caller sees."""

    experiment: str
    arm: str
    visitor_id: UUID | None
    """What a visitor sends as `X-Visitor-Id` from now on; null for a user."""


@router.get("/experiments/{name}", operation_id="getExperiment", responses=problems(404))
async def get_experiment(
    name: Annotated[str, Path(pattern=_NAME)],
    request: Request,
    response: Response,
    user: OptionalCaller,
    api: Clients,
) -> Assignment:
    """The caller's arm, always the same one; a GET, but no HEAD, counts as having seen it.

    A user is known by their token; a visitor by the header `X-Visitor-Id`, or else the cookie
    `visitor`, which reaches us from our own origin only. Where there is neither, they get an id:
    as `visitorId`, and as that cookie.
    """
    secure = api.settings.web_url.scheme == "https"
    visitor = None if user else visitor_of(request, response, secure=secure)
    response.headers.update(_CACHING)
    rows = await api.database.call(
        "expose",
        {
            "experiment": name,
            "identity": f"user:{user.id}" if user else f"visitor:{visitor}",
            "records": not is_head(request),
        },
    )
    if not rows:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "experiment_not_found",
            "No such experiment is running.",
            headers=_CACHING,
        )
    return Assignment(visitor_id=visitor, **rows[0])
