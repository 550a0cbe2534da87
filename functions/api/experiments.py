"""GET /experiments/{name}: the arm that the caller sees."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Request, Response

from functions.api.callers import OptionalCaller
from functions.api.clients import Clients
from functions.api.models import Fields
from functions.api.problem_schema import problems
from functions.api.routing import api_router
from functions.api.visitors import HEADER, visitor_of
from functions.kit.problems import Problem

router = api_router("experiments")

_CACHING = {"Cache-Control": "private, no-store", "Vary": f"Authorization, Cookie, {HEADER}"}
_NAME = r"^[a-z][a-z0-9_]{0,62}$"


class Assignment(Fields):
    """The arm of an experiment that the caller sees."""

    experiment: str
    arm: str


@router.get("/experiments/{name}", operation_id="getExperiment", responses=problems(404))
async def get_experiment(
    name: Annotated[str, Path(pattern=_NAME)],
    request: Request,
    response: Response,
    user: OptionalCaller,
    api: Clients,
) -> Assignment:
    """The caller's arm, always the same one; asking counts as having seen it.

    A user is known by their token; a visitor by the header `X-Visitor-Id` (a UUID) or the cookie
    `visitor`, which is set where there is neither.
    """
    if user:
        identity = f"user:{user.id}"
    else:
        secure = api.settings.web_url.scheme == "https"
        identity = f"visitor:{visitor_of(request, response, secure=secure)}"
    response.headers.update(_CACHING)
    rows = await api.database.call("expose", {"experiment": name, "identity": identity})
    if not rows:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "experiment_not_found",
            "No such experiment is running.",
            headers=_CACHING,
        )
    return Assignment.model_validate(rows[0])
