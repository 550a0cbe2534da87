"""/admin/users: what the service role does with any user."""

import secrets
from datetime import UTC, datetime
from uuid import UUID, uuid4

from aiohttp import web
from aiohttp.typedefs import Handler

from local_stack.auth import audit, identities, pages, sessions, users
from local_stack.auth.caller import require_admin
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.durations import parse_duration
from local_stack.auth.errors import AuthError, database_refusals, email_taken, invalid
from local_stack.auth.passwords import is_hash
from local_stack.auth.rows import Json, Row
from local_stack.auth.schemas import AdminUser, Deletion, email_address, read

_COUNT = "select count(*) as total from auth.users where instance_id = %s and aud = %s"
_PAGE = """
    select * from auth.users where instance_id = %s and aud = %s
    order by created_at desc, id limit %s offset %s
"""
_DELETE = "delete from auth.users where id = %s"


def for_admins(handler: Handler) -> Handler:
    """Let only the service role reach the handler."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        require_admin(request.app[CONTEXT], request)
        return await handler(request)

    return guarded


async def list_users(request: web.Request) -> web.Response:
    """One page of users, newest first; headers say how many there are and link other pages."""
    page = pages.asked(request)
    async with request.app[CONTEXT].transaction() as conn:
        everyone = (users.INSTANCE, users.AUDIENCE)
        counted = await (await conn.execute(_COUNT, everyone)).fetchone()
        cursor = await conn.execute(_PAGE, (*everyone, page.size, page.offset))
        shown = await users.bodies(conn, await cursor.fetchall())
    total = counted["total"] if counted else 0
    headers = page.headers(request, total)
    return web.json_response({"users": shown, "aud": users.AUDIENCE}, headers=headers)


async def create_user(request: web.Request) -> web.Response:
    """A new user, who can sign in at once only if `email_confirm` says so."""
    context = request.app[CONTEXT]
    params = await read(request, AdminUser)
    _check(params)
    if not params.email:
        raise invalid("Cannot create a user without either an email or phone")
    user_id = _new_id(params.id)
    password = params.password or secrets.token_urlsafe(32)
    password_hash = params.password_hash or await context.passwords.hash(password)
    async with context.transaction() as conn:
        if await users.by_email(conn, params.email):
            raise email_taken()
        with database_refusals("Database error creating new user"):
            user = await users.create(
                conn,
                user_id,
                email=params.email,
                password_hash=password_hash,
                role=params.role.strip() or users.AUDIENCE,
                user_metadata=params.user_metadata,
            )
            await identities.put_email(conn, user_id, params.email, verified=False)
            user = await _apply(conn, user, params, {})
        traits = {"user_id": str(user_id), "user_email": params.email}
        await audit.record(conn, request, audit.SERVICE, "user_signedup", traits)
        return web.json_response(await users.body(conn, user))


async def get_user(request: web.Request) -> web.Response:
    """The user with the id in the path."""
    async with request.app[CONTEXT].transaction() as conn:
        return web.json_response(await users.body(conn, await find_user(conn, request)))


async def update_user(request: web.Request) -> web.Response:
    """The user with the fields of the body changed; metadata is merged."""
    context = request.app[CONTEXT]
    params = await read(request, AdminUser)
    _check(params)
    password_hash = await _new_password_hash(context, params)
    async with context.transaction() as conn:
        user = await find_user(conn, request, lock=True)
        with database_refusals("Error updating user"):
            if password_hash:
                await users.set_password(conn, user, password_hash)
                await sessions.end_all(conn, user["id"])
            columns = await _new_email(conn, user, params)
            if params.role.strip():
                columns["role"] = params.role.strip()
            if params.user_metadata is not None:
                merged = users.merged(user["raw_user_meta_data"], params.user_metadata)
                columns["raw_user_meta_data"] = merged
            user = await _apply(conn, user, params, columns)
        traits = {"user_id": str(user["id"])}
        await audit.record(conn, request, audit.SERVICE, "user_modified", traits)
        return web.json_response(await users.body(conn, user))


async def delete_user(request: web.Request) -> web.Response:
    """Remove the user, or keep its row without anything that says who it was."""
    params = await read(request, Deletion, optional=True)
    async with request.app[CONTEXT].transaction() as conn:
        user = await find_user(conn, request, lock=True)
        with database_refusals("Database error deleting user"):
            if not params.should_soft_delete:
                await conn.execute(_DELETE, (user["id"],))
            elif user["deleted_at"] is None:
                await sessions.end_all(conn, user["id"])
                await users.soft_delete(conn, user)
        traits = {"user_id": str(user["id"])}
        await audit.record(conn, request, audit.SERVICE, "user_deleted", traits)
    return web.json_response({})


async def find_user(conn: Connection, request: web.Request, *, lock: bool = False) -> Row:
    """The user with the id in the path, locked if asked.

    Raises:
        AuthError: 404, there is none.
    """
    try:
        user_id = UUID(request.match_info["user_id"])
    except ValueError as error:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from error
    user = await users.by_id(conn, user_id, lock=lock)
    if user is None:
        raise users.not_found()
    return user


def _check(params: AdminUser) -> None:
    if params.phone:
        raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")
    if params.email:
        params.email = email_address(params.email)
    if params.password and params.password_hash:
        raise invalid("Only a password or a password hash should be provided")
    if params.password_hash and not is_hash(params.password_hash):
        raise invalid("The password hash must be a bcrypt hash")
    if len(params.role) > 255:
        raise invalid("The role is too long")


def _new_id(text: str) -> UUID:
    try:
        user_id = UUID(text) if text else uuid4()
    except ValueError as error:
        raise invalid("ID must conform to the uuid v4 format") from error
    if user_id.int == 0:
        raise invalid("ID cannot be a nil uuid")
    return user_id


async def _new_password_hash(context: Context, params: AdminUser) -> str | None:
    if params.password is None:
        return params.password_hash or None
    context.passwords.require_strong(params.password)
    return await context.passwords.hash(params.password)


async def _new_email(conn: Connection, user: Row, params: AdminUser) -> Json:
    """Change the address without a mail: the service role is believed."""
    if not params.email:
        return {}
    taken = await users.by_email(conn, params.email)
    if taken is not None and taken["id"] != user["id"]:
        raise email_taken()
    await identities.put_email(conn, user["id"], params.email, verified=params.email_confirm)
    permanent = {"is_anonymous": False} if params.email_confirm else {}
    return {"email": params.email} | permanent


async def _apply(conn: Connection, user: Row, params: AdminUser, columns: Json) -> Row:
    """Save `columns` and what creating and updating have in common."""
    if params.app_metadata is not None:
        merged = users.merged(user["raw_app_meta_data"], params.app_metadata)
        columns["raw_app_meta_data"] = merged
    if params.ban_duration:
        columns["banned_until"] = _banned_until(params.ban_duration)
    user = await users.save(conn, user["id"], columns)
    return await users.confirm(conn, user) if params.email_confirm else user


def _banned_until(duration: str) -> datetime | None:
    length = None if duration == "none" else parse_duration(duration)
    return datetime.now(UTC) + length if length else None
