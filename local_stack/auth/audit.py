"""The audit trail: a row of `auth.audit_log_entries` for every act, in its own transaction."""

from uuid import UUID, uuid4

from aiohttp import web
from psycopg.types.json import Json as JsonValue

from local_stack.auth.context import Connection
from local_stack.auth.rows import Json, Row

_LOG_TYPES = {
    "login": "account",
    "logout": "account",
    "user_signedup": "team",
    "user_invited": "team",
    "user_deleted": "team",
    "token_refreshed": "token",
    "token_revoked": "token",
    "factor_in_progress": "factor",
    "factor_unenrolled": "factor",
    "factor_deleted": "factor",
    "challenge_created": "factor",
    "verification_attempted": "factor",
}
_RECORD = """
    insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
    values (%s, %s, %s, now(), %s)
"""
SERVICE: Row = {"id": UUID(int=0), "email": "service_role", "phone": None, "is_sso_user": False}
"""Who acts by the service role."""


async def record(
    conn: Connection, request: web.Request, actor: Row, action: str, traits: Json | None = None
) -> None:
    """Write down who did what from where; `traits` hold ids and names, never secrets."""
    payload: Json = {
        "action": action,
        "actor_id": str(actor["id"]),
        "actor_username": actor["phone"] or actor["email"] or "",
        "actor_via_sso": actor["is_sso_user"],
        "log_type": _LOG_TYPES.get(action, "user"),
    }
    if traits:
        payload["traits"] = traits
    entry = (UUID(int=0), uuid4(), JsonValue(payload), request.remote or "")
    await conn.execute(_RECORD, entry)
