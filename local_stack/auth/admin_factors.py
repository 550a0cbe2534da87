"""/admin/users/{id}/factors: what the service role does with a user's second factors."""

from aiohttp import web

from local_stack.auth import audit, factors, mfa
from local_stack.auth.admin import find_user
from local_stack.auth.context import CONTEXT
from local_stack.auth.schemas import FactorName, read


async def list_factors(request: web.Request) -> web.Response:
    """The user's factors, oldest first."""
    async with request.app[CONTEXT].transaction() as conn:
        user = await find_user(conn, request)
        owned = (await factors.of(conn, [user["id"]])).get(user["id"], [])
        return web.json_response([factors.show(factor) for factor in owned])


async def update_factor(request: web.Request) -> web.Response:
    """The factor under another name."""
    params = await read(request, FactorName)
    async with request.app[CONTEXT].transaction() as conn:
        user = await find_user(conn, request, lock=True)
        factor = await mfa.owned(conn, user, request)
        if params.friendly_name:
            factor = await factors.rename(conn, factor, params.friendly_name)
        traits = {"user_id": str(user["id"]), "factor_id": str(factor["id"])}
        await audit.record(conn, request, audit.SERVICE, "factor_updated", traits)
        return web.json_response(factors.show(factor))


async def delete_factor(request: web.Request) -> web.Response:
    """Remove a factor, as for a user who lost the phone: the factor as it was."""
    async with request.app[CONTEXT].transaction() as conn:
        user = await find_user(conn, request, lock=True)
        factor = await mfa.owned(conn, user, request)
        await factors.delete(conn, factor)
        traits = {"user_id": str(user["id"]), "factor_id": str(factor["id"])}
        await audit.record(conn, request, audit.SERVICE, "factor_deleted", traits)
        return web.json_response(factors.show(factor))
