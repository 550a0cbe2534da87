"""Whose account a profile from a provider is: one that is there, one to link, or a new one."""

from uuid import uuid4

from aiohttp import web

from local_stack.auth import audit, identities, mailed_tokens, signup, users
from local_stack.auth.context import Connection, Context
from local_stack.auth.errors import AuthError, database_refusals, email_taken
from local_stack.auth.providers import Profile, Provider
from local_stack.auth.rows import Row


async def admit(
    context: Context,
    conn: Connection,
    provider: Provider,
    profile: Profile,
    request: web.Request,
) -> Row:
    """The profile's user; not confirmed if the address waits for a mail to be answered.

    Raises:
        AuthError: the user is banned, sign-up is closed, or there is no address but must be.
    """
    if not profile.email and not provider.email_optional:
        message = "Error getting user email from external provider"
        raise AuthError(500, "unexpected_failure", message)
    user = await _known(context, conn, provider, profile)
    if user is None:
        signup.require_open(context)
        user = await _create(conn, provider, profile)
    if users.is_banned(user):
        raise AuthError(403, "user_banned", "User is banned")
    await identities.put(conn, user["id"], provider.name, profile.claims)
    metadata = users.merged(user["raw_user_meta_data"], profile.claims)
    await users.save(conn, user["id"], {"raw_user_meta_data": metadata})
    user = await users.save_providers(conn, user)
    traits = {"provider": provider.name}
    if user["email_confirmed_at"] or not user["email"]:
        await audit.record(conn, request, user, "login", traits)
        return user
    if profile.verified or context.autoconfirm:
        await audit.record(conn, request, user, "user_signedup", traits)
        return await users.confirm(conn, user)
    return await mailed_tokens.send(context, conn, user, mailed_tokens.SIGN_UP, request)


async def link(
    context: Context,
    conn: Connection,
    target: Row,
    provider: Provider,
    profile: Profile,
    request: web.Request,
) -> Row:
    """The user with one more identity; one without an address takes the profile's proven one.

    Raises:
        AuthError: 422, the identity or the address is somebody's already, or is not proven.
    """
    owner = await identities.owner(conn, provider.name, profile.claims["sub"])
    if owner is not None:
        whose = "" if owner == target["id"] else " to another user"
        message = f"Identity is already linked{whose}"
        raise AuthError(422, "identity_already_exists", message)
    identity_id = await identities.put(conn, target["id"], provider.name, profile.claims)
    traits = {"identity_id": str(identity_id), "provider": provider.name}
    await audit.record(conn, request, target, "identity_linked", traits)
    if not target["email"] and profile.email:
        target = await _take_email(context, conn, target, provider, profile)
    return await users.save_providers(conn, target)


async def _known(
    context: Context, conn: Connection, provider: Provider, profile: Profile
) -> Row | None:
    owner = await identities.owner(conn, provider.name, profile.claims["sub"])
    if owner is not None:
        return await users.by_id(conn, owner, lock=True)
    if not profile.verified and not context.autoconfirm:
        return None
    user = await users.by_email(conn, profile.email, lock=True) if profile.email else None
    if user is None or user["email_confirmed_at"]:
        return user
    # Whoever signed up with this address never proved it: nothing of that may open the account.
    await identities.delete_all(conn, user["id"])
    columns = {"encrypted_password": "", "raw_user_meta_data": {}}
    return await users.save(conn, user["id"], columns)


async def _create(conn: Connection, provider: Provider, profile: Profile) -> Row:
    taken = await users.by_email(conn, profile.email) if profile.email else None
    email = None if taken else profile.email or None
    with database_refusals("Database error saving new user"):
        return await users.create(conn, uuid4(), email=email, provider=provider.name)


async def _take_email(
    context: Context, conn: Connection, target: Row, provider: Provider, profile: Profile
) -> Row:
    if await users.by_email(conn, profile.email):
        raise email_taken()
    if not profile.verified and not context.autoconfirm:
        raise AuthError(422, "email_not_confirmed", f"Unverified email with {provider.name}")
    columns = {"email": profile.email, "is_anonymous": False}
    with database_refusals("Error updating user"):
        return await users.confirm(conn, await users.save(conn, target["id"], columns))
