"""Accounts: found, edited by the version that was seen, and signed out."""

from uuid import uuid4

import pytest

from orderbase import AsyncOrderbase, AuthError, Conflict, InvalidRequest, NotFound
from orderbase.staff import AsyncStaff
from tests.conftest import Stack
from tests.sdk.conftest import OpenShop
from tests.sdk.live import PASSWORD, new_email


async def test_accounts_come_newest_first_page_by_page(
    staff: AsyncStaff, open_shop: OpenShop, stack: Stack
) -> None:
    ids = []
    prefix = uuid4().hex
    for number in range(3):
        async with open_shop(stack) as shop:
            user = await shop.auth.sign_up(email=f"{prefix}{number}@example.com", password=PASSWORD)
            ids.append(user.id)
    first = await staff.users.list(email_prefix=prefix.upper(), limit=2)
    second = await staff.users.list(email_prefix=prefix, limit=2, after=first.next)
    assert [user.id for user in first + second] == ids[::-1]
    assert second.next is None
    everybody = [user.id async for user in staff.users.each(email_prefix=prefix)]
    assert everybody == ids[::-1]
    assert (await staff.users.get(ids[0])).email == f"{prefix}0@example.com"


async def test_an_edit_says_what_it_has_seen(
    staff: AsyncStaff, open_shop: OpenShop, stack: Stack
) -> None:
    async with open_shop(stack) as shop:
        guest = await shop.auth.sign_in_as_guest()
    seen = await staff.users.get(guest.id)
    assert (seen.is_guest, seen.email, seen.role, seen.deactivated) == (True, "", None, False)
    edited = await staff.users.change(guest.id, version=seen.version, display_name="Ada")
    assert (edited.display_name, edited.version != seen.version) == ("Ada", True)
    with pytest.raises(Conflict) as refusal:
        await staff.users.change(guest.id, version=seen.version, display_name="Eve")
    assert refusal.value.code == "precondition_failed"
    again = await staff.users.change(str(guest.id), version=None, display_name="")
    assert again.display_name == ""


async def test_an_account_is_signed_out_everywhere(
    staff: AsyncStaff, open_shop: OpenShop, stack: Stack
) -> None:
    async with open_shop(stack) as shop:
        user = await shop.auth.sign_up(email=new_email(), password=PASSWORD)
        for _ in range(2):
            assert (await staff.users.end_sessions(user.id)).id == user.id
        with pytest.raises(AuthError):
            await shop.orders.cancel(uuid4())


async def test_nobody_signs_themselves_out_so(
    staff: AsyncStaff, back_office: AsyncOrderbase
) -> None:
    user = back_office.auth.user
    assert user is not None
    with pytest.raises(Conflict) as refusal:
        await staff.users.end_sessions(user.id)
    assert refusal.value.code == "own_account"


async def test_wrong_requests_are_refused(staff: AsyncStaff, back_office: AsyncOrderbase) -> None:
    nobody = uuid4()
    for attempt in (
        staff.users.get(nobody), staff.users.end_sessions(nobody),
        staff.users.change(nobody, version=None, display_name="x"),
    ):  # fmt: skip
        with pytest.raises(NotFound) as missing:
            await attempt
        assert missing.value.code == "user_not_found"
    me = back_office.auth.user
    assert me is not None
    for wrong in (
        staff.users.list(limit=0), staff.users.list(after="x"), staff.users.get("me"),
        staff.users.change(me.id, version=None, display_name="x" * 201),
    ):  # fmt: skip
        with pytest.raises(InvalidRequest):
            await wrong
