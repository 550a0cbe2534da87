"""What the service role does with users, through the official client."""

from collections.abc import AsyncIterator
from uuid import uuid4

import bcrypt
import pytest
from supabase import AuthApiError

from local_stack.config import Auth
from local_stack.settings import Settings
from tests.stack.auth_server import (
    NEVER_REACHED,
    PASSWORD,
    AuthServer,
    Reply,
    new_email,
    serve_auth,
)

SIGN_IN = "/token?grant_type=password"


@pytest.fixture(scope="module")
async def auth(bare_settings: Settings) -> AsyncIterator[AuthServer]:
    """Auth with open sign-up and no mails."""
    async with serve_auth(bare_settings) as server:
        yield server


@pytest.mark.parametrize("kind", ["secret_key", "service_role_key"])
async def test_a_user_is_created_read_changed_and_deleted(auth: AuthServer, kind: str) -> None:
    admin = (await auth.client(getattr(auth.settings.keys, kind))).auth.admin
    email = new_email()
    created = await admin.create_user(
        {
            "email": email,
            "password": PASSWORD,
            "email_confirm": True,
            "app_metadata": {"role": "staff"},
            "user_metadata": {"nick": "S"},
        }
    )
    user_id = created.user.id
    assert created.user.app_metadata["role"] == "staff"
    assert created.user.app_metadata["provider"] == "email"
    assert (await admin.get_user_by_id(user_id)).user.email == email
    changed = await admin.update_user_by_id(
        user_id, {"app_metadata": {"shift": "late"}, "user_metadata": {"nick": None}}
    )
    assert changed.user.app_metadata["role"] == "staff"
    assert changed.user.app_metadata["shift"] == "late"
    assert "nick" not in changed.user.user_metadata
    signed_in = await auth.call("POST", SIGN_IN, {"email": email, "password": PASSWORD})
    assert signed_in.status == 200
    await admin.delete_user(user_id)
    with pytest.raises(AuthApiError) as refused:
        await admin.get_user_by_id(user_id)
    assert (refused.value.status, refused.value.code) == (404, "user_not_found")


async def test_only_the_service_role_is_let_in(auth: AuthServer) -> None:
    user = await auth.sign_up()
    paths = [("GET", ""), ("POST", ""), ("GET", "/x"), ("PUT", "/x"), ("DELETE", "/x")]
    for method, path in paths:
        url = f"/admin/users{path}"
        assert (await auth.call(method, url)).refusal == (401, "no_authorization")
        for token in (user["access_token"], auth.settings.keys.anon_key):
            assert (await auth.call(method, url, token=token)).refusal == (403, "not_admin")


async def test_users_are_listed_in_pages_newest_first(auth: AuthServer) -> None:
    for _ in range(5):
        await auth.sign_up()
    rows = await auth.sql("select id from auth.users order by created_at desc, id")
    everyone = [str(row["id"]) for row in rows]
    first = await auth.admin("GET", "?page=1&per_page=2")
    assert [user["id"] for user in first.body["users"]] == everyone[:2]
    assert first.body["users"][0]["identities"][0]["provider"] == "email"
    assert first.headers["x-total-count"] == str(len(everyone))
    last = -(-len(everyone) // 2)
    assert first.headers["link"] == (
        '</auth/v1/admin/users?page=2&per_page=2>; rel="next", '
        f'</auth/v1/admin/users?page={last}&per_page=2>; rel="last"'
    )
    end = await auth.admin("GET", f"?page={last}&per_page=2")
    assert end.body["users"][-1]["id"] == everyone[-1]
    assert "next" not in end.headers["link"]
    assert (await auth.admin("GET", f"?page={last + 1}")).body["users"] == []
    client = await auth.client(auth.settings.keys.secret_key)
    assert len(await client.auth.admin.list_users(page=1, per_page=3)) == 3


async def test_a_page_must_be_a_number(auth: AuthServer) -> None:
    for query in ("page=-1", "page=x", "page=1.5", "per_page=0", "page=" + "9" * 30, "page=٣"):
        reply = await auth.admin("GET", f"?{query}")
        assert (query, *reply.refusal) == (query, 400, "validation_failed")


async def test_an_unconfirmed_user_cannot_sign_in_until_confirmed(auth: AuthServer) -> None:
    credentials = {"email": new_email(), "password": PASSWORD}
    created = await auth.admin("POST", "", credentials)
    assert "email_confirmed_at" not in created.body
    refused = await auth.call("POST", SIGN_IN, credentials)
    assert refused.refusal == (400, "email_not_confirmed")
    await auth.admin("PUT", f"/{created.body['id']}", {"email_confirm": True})
    assert (await auth.call("POST", SIGN_IN, credentials)).status == 200


async def test_a_ban_holds_until_it_is_lifted(auth: AuthServer) -> None:
    credentials = {"email": new_email(), "password": PASSWORD}
    session = await auth.sign_up(credentials["email"])
    path = f"/{session['user']['id']}"
    banned = await auth.admin("PUT", path, {"ban_duration": "1h30m"})
    assert "banned_until" in banned.body
    assert (await auth.call("POST", SIGN_IN, credentials)).refusal == (400, "user_banned")
    reply = await auth.call("GET", "/user", token=session["access_token"])
    assert reply.refusal == (403, "user_banned")
    wrong = await auth.call("POST", SIGN_IN, credentials | {"password": "wrong"})
    assert wrong.refusal == (400, "invalid_credentials")
    lifted = await auth.admin("PUT", path, {"ban_duration": "none"})
    assert "banned_until" not in lifted.body
    assert (await auth.call("POST", SIGN_IN, credentials)).status == 200
    for duration in ("soon", "-1h", "1", "1h ", "9" * 20 + "h", "1h" + "é" * 1000):
        refused = await auth.admin("PUT", path, {"ban_duration": duration})
        assert (duration, *refused.refusal) == (duration, 400, "validation_failed")


async def test_a_soft_deleted_user_keeps_only_its_id(auth: AuthServer) -> None:
    email = new_email()
    session = await auth.sign_up(email)
    user_id = session["user"]["id"]
    client = await auth.client(auth.settings.keys.secret_key)
    await client.auth.admin.delete_user(user_id, should_soft_delete=True)
    left = (await auth.admin("GET", f"/{user_id}")).body
    assert left["deleted_at"]
    assert left["user_metadata"] == {}
    assert email not in str(left)
    assert (await auth.refresh(session["refresh_token"])).status == 400
    again = await auth.sign_up(email)
    assert again["user"]["id"] != user_id
    repeated = await auth.admin("DELETE", f"/{user_id}", {"should_soft_delete": True})
    assert repeated.status == 200


async def test_taken_addresses_and_ids_are_refused(auth: AuthServer) -> None:
    taken, user_id = new_email(), str(uuid4())
    created = await auth.admin("POST", "", {"email": taken, "id": user_id})
    assert created.body["id"] == user_id
    again = await auth.admin("POST", "", {"email": taken})
    assert again.refusal == (422, "email_exists")
    same_id = await auth.admin("POST", "", {"email": new_email(), "id": user_id})
    assert same_id.refusal == (422, "user_already_exists")
    other = await auth.sign_up()
    moved = await auth.admin("PUT", f"/{other['user']['id']}", {"email": taken})
    assert moved.refusal == (422, "email_exists")


async def test_an_address_and_password_are_changed_without_a_mail(auth: AuthServer) -> None:
    session = await auth.sign_up()
    fresh = {"email": new_email(), "password": "another password"}
    path = f"/{session['user']['id']}"
    changed = await auth.admin("PUT", path, fresh | {"email_confirm": True})
    assert changed.body["identities"][0]["identity_data"]["email"] == fresh["email"]
    assert (await auth.call("POST", SIGN_IN, fresh)).status == 200
    gone = await auth.call("GET", "/user", token=session["access_token"])
    assert gone.refusal == (403, "session_not_found")


async def test_a_foreign_bcrypt_hash_is_taken_over(auth: AuthServer) -> None:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, b"2a")).decode()
    email = new_email()
    user = {"email": email, "password_hash": hashed, "email_confirm": True}
    assert (await auth.admin("POST", "", user)).status == 200
    credentials = {"email": email, "password": PASSWORD}
    assert (await auth.call("POST", SIGN_IN, credentials)).status == 200


async def test_senseless_users_are_refused(auth: AuthServer) -> None:
    email = new_email()
    senseless: list[dict[str, object]] = [
        {},
        {"password": PASSWORD},
        {"email": email, "id": "me"},
        {"email": email, "id": "00000000-0000-0000-0000-000000000000"},
        {"email": email, "password": PASSWORD, "password_hash": "$2b$10$" + "a" * 53},
        {"email": email, "password_hash": "plain"},
        {"email": email, "role": "r" * 300},
        {"email": "nobody"},
        {"phone": "4915112345678"},
    ]
    for user in senseless:
        assert ((await auth.admin("POST", "", user)).status, user) == (400, user)
    assert (await auth.admin("GET", "/not-a-uuid")).refusal == (404, "validation_failed")
    assert (await auth.admin("PUT", f"/{uuid4()}", {})).refusal == (404, "user_not_found")


async def test_rows_that_the_app_still_needs_keep_the_user(auth: AuthServer) -> None:
    session = await auth.sign_up()
    user_id = session["user"]["id"]
    await auth.sql("create table public.needs (user_id uuid references auth.users)")
    try:
        await auth.sql("insert into public.needs values (%s)", user_id)
        kept = await auth.admin("DELETE", f"/{user_id}")
        assert kept.refusal == (500, "unexpected_failure")
        assert kept.body["msg"] == "Database error deleting user"
    finally:
        await auth.sql("drop table public.needs")
    assert (await auth.call("GET", "/user", token=session["access_token"])).status == 200


async def test_password_rules_bind_changes_by_admins(bare_settings: Settings) -> None:
    async with serve_auth(bare_settings, Auth(rate_limit=NEVER_REACHED)) as auth:
        session = await auth.sign_up()
        weak = await auth.admin("PUT", f"/{session['user']['id']}", {"password": "abc"})
        assert weak.refusal == (422, "weak_password")
        assert weak.body["weak_password"] == {"reasons": ["length"]}


async def test_every_act_leaves_a_trace(auth: AuthServer) -> None:
    session = await auth.sign_up()
    user = session["user"]
    await auth.refresh(session["refresh_token"])
    await auth.call("PUT", "/user", {"data": {"a": 1}}, session["access_token"])
    await auth.call("POST", "/logout", token=session["access_token"])
    await auth.admin("DELETE", f"/{user['id']}")
    rows = await auth.sql(
        "select payload ->> 'action' as action, ip_address from auth.audit_log_entries"
        " where payload ->> 'actor_id' = %s or payload #>> '{traits,user_id}' = %s"
        " order by created_at",
        user["id"],
        user["id"],
    )
    acts = [row["action"] for row in rows]
    assert sorted(acts[:2]) == ["login", "user_signedup"]
    assert acts[2:] == ["token_refreshed", "user_modified", "logout", "user_deleted"]
    assert {row["ip_address"] for row in rows} == {"127.0.0.1"}


async def test_the_trail_is_read_in_pages_and_by_words(auth: AuthServer) -> None:
    email = (await auth.sign_up())["user"]["email"]
    headers = {"apikey": auth.settings.keys.secret_key}

    async def trail(query: str) -> Reply:
        return await auth.call("GET", f"/admin/audit?{query}", headers=headers)

    found = await trail(f"query=author:{email}&per_page=1")
    assert [entry["payload"]["actor_username"] for entry in found.body] == [email]
    assert found.headers["x-total-count"] == "2"
    signed_up = await trail("query=action:user_signedup&per_page=5")
    assert {entry["payload"]["action"] for entry in signed_up.body} == {"user_signedup"}
    assert {e["payload"]["log_type"] for e in (await trail("query=type:team")).body} == {"team"}
    for query in ("query=moon:x", "query=author", "query=author:%00", "page=x", "per_page=0"):
        assert (query, *(await trail(query)).refusal) == (query, 400, "validation_failed")
    assert (await auth.call("GET", "/admin/audit")).refusal == (401, "no_authorization")
