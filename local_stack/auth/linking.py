"""/user/identities: users add a way to sign in, or remove one."""

from uuid import UUID

from aiohttp import web

from local_stack.auth import audit, identities, oauth, users
from local_stack.auth.caller import require_user
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, database_refusals
from local_stack.auth.rows import Json, Row


async def link(request: web.Request) -> web.Response:
    """On to the provider; with `skip_http_redirect=true` its address in the body."""
    context = request.app[CONTEXT]
    async with context.transaction() as conn:
        user = (await require_user(context, conn, request)).user
    _require_on(context)
    url = await oauth.begin(request, linking_target=user["id"])
    if request.query.get("skip_http_redirect") == "true":
        return web.json_response({"url": url})
    return web.Response(status=302, headers={"Location": url})


async def unlink(request: web.Request) -> web.Response:
    """Remove an identity, but never the last one."""
    context = request.app[CONTEXT]
    async with context.transaction() as conn:
        user = (await require_user(context, conn, request, lock=True)).user
        _require_on(context)
        owned = (await identities.of(conn, [user["id"]])).get(user["id"], [])
        removed = _owned(owned, request.match_info["identity_id"])
        await identities.delete(conn, user["id"], UUID(removed["identity_id"]))
        traits = {name: removed[name] for name in ("identity_id", "provider")}
        await audit.record(conn, request, user, "identity_unlinked", traits)
        left = [identity for identity in owned if identity is not removed]
        user = await _keep_email(context, conn, user, left)
        await users.save_providers(conn, user)
    return web.json_response({})


def _require_on(context: Context) -> None:
    if not context.config.enable_manual_linking:
        raise AuthError(404, "manual_linking_disabled", "Manual linking is disabled")


def _owned(owned: list[Json], identity_id: str) -> Json:
    try:
        wanted = str(UUID(identity_id))
    except ValueError as error:
        raise AuthError(404, "validation_failed", "identity_id must be an UUID") from error
    if len(owned) <= 1:
        message = "User must have at least 1 identity after unlinking"
        raise AuthError(422, "single_identity_not_deletable", message)
    found = next((identity for identity in owned if identity["identity_id"] == wanted), None)
    if found is None:
        raise AuthError(422, "identity_not_found", "Identity doesn't exist")
    return found


async def _keep_email(context: Context, conn: Connection, user: Row, left: list[Json]) -> Row:
    """The user under an address that one of its identities still has, a proven one first."""
    if not user["email"] or any(identity["email"] == user["email"] for identity in left):
        return user
    for identity in sorted(left, key=_is_unproven):
        email = identity["email"]
        if not email or await users.by_email(conn, email):
            continue
        columns: Json = {"email": email}
        if _is_unproven(identity) and not context.autoconfirm:
            columns["email_confirmed_at"] = None
        with database_refusals("Database error updating user email"):
            return await users.save(conn, user["id"], columns)
    message = "Unable to unlink identity due to email conflict"
    raise AuthError(422, "email_conflict_identity_not_deletable", message)


def _is_unproven(identity: Json) -> bool:
    return identity["identity_data"].get("email_verified") is not True
