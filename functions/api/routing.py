"""Routers of the API: what all its routes have in common."""

from fastapi import APIRouter

from functions.api.bodies import ApiRoute
from functions.api.callers import admitted
from functions.api.problem_schema import problems


def api_router(tag: str) -> APIRouter:
    """A router whose routes count against the rate limit and read JSON of a bounded size."""
    return APIRouter(
        tags=[tag],
        route_class=ApiRoute,
        dependencies=[admitted],
        responses=problems(401, 422, 429, 503),
    )
