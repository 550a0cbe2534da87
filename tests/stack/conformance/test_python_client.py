import asyncio
import uuid
from typing import Any

import pytest
from postgrest.exceptions import APIError
from storage3.exceptions import StorageApiError
from supabase import AsyncClient, AuthApiError, acreate_client

from tests.stack.conformance.conftest import PASSWORD, Project, SignIn
from tests.waiting import until


async def user_id(client: AsyncClient) -> str:
    answer = await client.auth.get_user()
    assert answer
    return answer.user.id


async def test_password_refresh_update_and_sign_out(project: Project, sign_in: SignIn) -> None:
    client = await sign_in()
    before = await client.auth.get_session()
    refreshed = await client.auth.refresh_session()
    assert before
    assert refreshed.session
    assert refreshed.session.refresh_token != before.refresh_token
    claims = await client.auth.get_claims()
    assert claims
    assert claims["claims"]["role"] == "authenticated"
    updated = await client.auth.update_user({"data": {"colour": "green"}})
    assert updated.user.user_metadata["colour"] == "green"
    email = updated.user.email or ""
    await client.auth.sign_out()
    with pytest.raises(AuthApiError) as refused:
        await client.auth.sign_in_with_password({"email": email, "password": "wrong"})
    assert (refused.value.status, refused.value.code) == (400, "invalid_credentials")
    with pytest.raises(AuthApiError) as refused:
        await client.auth.get_user(refreshed.session.access_token)
    assert refused.value.code == "session_not_found"
    again = await acreate_client(project.url, project.publishable_key)
    await again.auth.sign_in_with_password({"email": email, "password": PASSWORD})


async def test_admin_lists_gets_and_changes_users(admin: AsyncClient, sign_in: SignIn) -> None:
    wanted = await user_id(await sign_in())
    assert wanted in {user.id for user in await admin.auth.admin.list_users()}
    changed = await admin.auth.admin.update_user_by_id(wanted, {"app_metadata": {"role": "staff"}})
    assert changed.user.app_metadata["role"] == "staff"
    assert (await admin.auth.admin.get_user_by_id(wanted)).user.id == wanted


async def test_filters_counts_single_rows_and_csv(project: Project) -> None:
    client = await acreate_client(project.url, project.publishable_key)
    table = client.table("products")
    page = await table.select("name", count="exact").order("name").range(0, 4).execute()  # type: ignore[arg-type]
    assert len(page.data) == 5
    assert page.count is not None
    assert page.count >= 24
    one: Any = await client.table("products").select("*").eq("slug", "teapot").single().execute()
    assert one.data["name"] == "Cast iron teapot"
    found: Any = (
        await client.table("products").select("slug").text_search("search", "coffee").execute()
    )
    assert "coffee-grinder" in {row["slug"] for row in found.data}
    csv = await client.table("products").select("slug").eq("slug", "teapot").csv().execute()
    assert csv.data == "slug\nteapot"
    with pytest.raises(APIError) as refused:
        await client.table("products").select("*").eq("slug", "none").single().execute()
    assert refused.value.code == "PGRST116"


async def test_row_security_holds_for_reads_and_writes(sign_in: SignIn) -> None:
    alice, bob = await sign_in(), await sign_in()
    alices = await user_id(alice)
    changed = (
        await alice.table("preferences")
        .update({"newsletter": True})
        .eq("user_id", alices)
        .execute()
    )
    assert len(changed.data) == 1
    seen = await bob.table("preferences").select("*").eq("user_id", alices).execute()
    assert seen.data == []
    untouched = (
        await bob.table("preferences").update({"newsletter": False}).eq("user_id", alices).execute()
    )
    assert untouched.data == []
    with pytest.raises(APIError) as refused:
        await bob.table("orders").insert({"total": 1}).execute()
    assert refused.value.code == "42501"


async def test_a_file_goes_up_and_down_and_is_listed_signed_moved_and_removed(
    admin: AsyncClient, project: Project
) -> None:
    name = f"conformance-{uuid.uuid4().hex}"
    await admin.storage.create_bucket(name, options={"public": False})
    bucket = admin.storage.from_(name)
    try:
        await bucket.upload("a/one.txt", b"hello", {"content-type": "text/plain"})
        assert await bucket.download("a/one.txt") == b"hello"
        with pytest.raises(StorageApiError):
            await bucket.upload("a/one.txt", b"again")
        assert [entry["name"] for entry in await bucket.list("a")] == ["one.txt"]
        signed = await bucket.create_signed_url("a/one.txt", 60)
        assert (signed["signedURL"] or "").startswith(project.url)
        await bucket.move("a/one.txt", "b/two.txt")
        assert await bucket.exists("b/two.txt")
        guest = await acreate_client(project.url, project.publishable_key)
        with pytest.raises(StorageApiError):
            await guest.storage.from_(name).download("b/two.txt")
        assert len(await bucket.remove(["b/two.txt"])) == 1
    finally:
        await admin.storage.empty_bucket(name)
        await admin.storage.delete_bucket(name)


async def test_a_broadcast_reaches_the_others_and_presence_tells_who_is_there(
    sign_in: SignIn,
) -> None:
    alice, bob = await sign_in(), await sign_in()
    topic = f"conformance-{uuid.uuid4().hex}"
    heard: list[Any] = []
    joined = asyncio.Event()
    listening = bob.channel(topic)
    listening.on_broadcast("hello", heard.append)
    listening.on_presence_join(lambda *_: joined.set())
    await listening.subscribe()
    speaking = alice.channel(topic)
    await speaking.subscribe()

    async def spoken() -> bool:
        await speaking.send_broadcast("hello", {"from": "alice"})
        return bool(heard)

    await until(spoken)
    assert heard[0]["payload"] == {"from": "alice"}
    await speaking.track({"name": "alice"})
    await asyncio.wait_for(joined.wait(), 10)
    for client in (alice, bob):
        await client.remove_all_channels()
