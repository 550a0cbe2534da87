"""What an account gets when it begins: a profile, preferences, and a welcome."""

import uuid
from collections.abc import Callable

import psycopg
import pytest

from tests.database.conftest import Caller, Row
from tests.database.line import Line, connected, sent

Auth = Callable[..., None]


@pytest.fixture
def auth(auth_admin: psycopg.Connection[Row]) -> Auth:
    """Statements as Supabase Auth makes them."""

    def execute(statement: str, *arguments: object) -> None:
        auth_admin.execute(statement.encode(), arguments)

    return execute


def sign_up(auth: Auth, *, confirmed: bool, guest: bool = False) -> tuple[uuid.UUID, str | None]:
    user, address = uuid.uuid4(), None if guest else f"{uuid.uuid4()}@example.com"
    auth(
        "insert into auth.users (id, email, is_anonymous, email_confirmed_at)"
        " values (%s, %s, %s, case when %s then now() end)",
        user,
        address,
        guest,
        confirmed,
    )
    return user, address


def confirm(auth: Auth, user: uuid.UUID) -> None:
    auth("update auth.users set email_confirmed_at = now() where id = %s", user)


def welcomes(line: Line, user: uuid.UUID) -> list[str]:
    """Send what is due; the statuses of this user's welcomes."""
    line.send_mails()
    rows = line.rows(
        "select status from public.emails where user_id = %s and template = 'welcome'", user
    )
    return [row["status"] for row in rows]


def test_every_user_gets_a_profile_and_preferences(line: Line, auth: Auth) -> None:
    for user, _ in (sign_up(auth, confirmed=True), sign_up(auth, confirmed=False, guest=True)):
        for table in ("profiles", "preferences"):
            assert len(line.rows(f"select 1 from public.{table} where user_id = %s", user)) == 1


def test_an_account_whose_address_is_known_is_welcomed_once(line: Line, auth: Auth) -> None:
    user, address = sign_up(auth, confirmed=True)
    line.rows("update public.profiles set display_name = 'Ada' where user_id = %s", user)
    [mail] = line.claim_mails()
    assert (mail["template"], mail["recipient"], mail["order_id"]) == ("welcome", address, None)
    assert mail["data"] == {"display_name": "Ada"}
    assert line.finish_mails(sent(mail)) == ["finished"]
    confirm(auth, user)
    auth("update auth.users set email = %s, updated_at = now() where id = %s", address, user)
    assert welcomes(line, user) == ["sent"]


def test_an_account_is_welcomed_once_its_address_is_confirmed(line: Line, auth: Auth) -> None:
    user, _ = sign_up(auth, confirmed=False)
    assert welcomes(line, user) == []
    confirm(auth, user)
    confirm(auth, user)
    assert welcomes(line, user) == ["sent"]


@pytest.mark.parametrize("address_first", [True, False])
def test_a_guest_who_becomes_an_account_is_welcomed_once(
    line: Line, auth: Auth, address_first: bool
) -> None:
    user, _ = sign_up(auth, confirmed=False, guest=True)
    assert welcomes(line, user) == []
    address = f"{user}@example.com"
    if address_first:
        auth(
            "update auth.users set email = %s, email_confirmed_at = now() where id = %s",
            address,
            user,
        )
        assert welcomes(line, user) == []
        auth("update auth.users set is_anonymous = false where id = %s", user)
    else:
        auth(
            "update auth.users set email = %s, email_confirmed_at = now(), is_anonymous = false"
            " where id = %s",
            address,
            user,
        )
    confirm(auth, user)
    assert welcomes(line, user) == ["sent"]


def test_a_guest_is_not_welcomed(line: Line, new_user: Callable[..., Caller]) -> None:
    guest = new_user(email=None)
    assert line.rows("select 1 from private.outbox") == []
    assert (welcomes(line, guest.id), line.messages("emails")) == ([], [])


def test_who_wants_no_notifications_is_not_welcomed(line: Line, auth: Auth) -> None:
    user, _ = sign_up(auth, confirmed=True)
    claims = {"sub": str(user), "role": "authenticated"}
    with connected(line.shopper.url, "authenticated", claims) as person:
        person.execute("update public.preferences set notifications = false")
    assert welcomes(line, user) == ["unwanted"]
    assert line.messages("emails") == []


def test_an_address_that_has_bounced_is_not_welcomed(line: Line, auth: Auth) -> None:
    user, address = sign_up(auth, confirmed=True)
    line.rows("insert into private.bounced_addresses values (%s, '550')", address)
    assert welcomes(line, user) == ["unwanted"]


def test_wishes_do_not_stop_what_belongs_to_an_order(line: Line) -> None:
    line.shopper.query("update public.preferences set notifications = false, newsletter = false")
    line.paid()
    assert line.send_mails() == ["order_confirmation"]


def test_an_event_of_one_user_says_nothing_of_another(line: Line, auth: Auth) -> None:
    first, _ = sign_up(auth, confirmed=True)
    second, _ = sign_up(auth, confirmed=True)
    assert (welcomes(line, first), welcomes(line, second)) == (["sent"], ["sent"])
