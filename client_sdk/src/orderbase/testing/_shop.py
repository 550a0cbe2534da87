"""The fake shop itself, its people and its clients."""

from typing import TypedDict, Unpack

from orderbase._client import AsyncOrderbase
from orderbase._http import Transport
from orderbase._session import SessionStorage
from orderbase._sync import Orderbase
from orderbase.models import User
from orderbase.testing._clock import Clock
from orderbase.testing._goods import Goods
from orderbase.testing._moves import Moves
from orderbase.testing._parts import KEY, SECRET_KEY, URL, Parts
from orderbase.testing._people import user_of
from orderbase.testing._troubles import Troubles


class ClientOptions(TypedDict, total=False):
    """What a client of the fake may be made with: see AsyncOrderbase."""

    timeout: float
    deadline: float
    retries: int
    storage: SessionStorage | None


class FakeShop(Goods, Moves, Troubles):
    """A shop in memory, for tests: no server, no network, no waiting.

        fake = FakeShop()
        cup = fake.add_product(name="Cup", price=Money(1250, "EUR"), stock=10)
        with fake.client() as shop:
            shop.auth.sign_in_as_guest()
            order = shop.orders.place({cup.id: 2}, ...)
        assert fake.order(order.id).status == "completed"

    The clients are the real ones, with all of their parsing, sessions, retries and watching; the
    fake answers their requests by the rules of a real shop. What it does not know, it answers
    with status 501 and says so, rather than guess.

    It may be used by any number of clients, event loops and threads.

    Args:
        settles: orders move on by themselves, at once: they are paid, shipped and completed, or
            fail as Stripe's test payment methods say (`pm_card_chargeDeclined`). Otherwise they
            wait for `pay`, `ship` and so on, and can be cancelled. May be changed at any time.
    """

    url = URL
    key = KEY
    secret_key = SECRET_KEY

    def __init__(self, *, settles: bool = True) -> None:
        super().__init__(Parts(settles=settles))

    @property
    def clock(self) -> Clock:
        """The shop's clock: `fake.clock.advance(seconds)`."""
        return self._parts.clock

    @property
    def settles(self) -> bool:
        """Whether orders move on by themselves."""
        return self._parts.settles

    @settles.setter
    def settles(self, settles: bool) -> None:
        self._parts.settles = settles

    def client(self, **options: Unpack[ClientOptions]) -> Orderbase:
        """A blocking client, on which nobody is signed in."""
        return Orderbase(self.url, self.key, transport=self.transport(), **options)

    def async_client(self, **options: Unpack[ClientOptions]) -> AsyncOrderbase:
        """An asynchronous client, on which nobody is signed in."""
        return AsyncOrderbase(self.url, self.key, transport=self.transport(), **options)

    def transport(self) -> Transport:
        """What carries a client's requests here, for a client that you make yourself."""
        return self._parts.transport()

    def add_user(self, *, email: str, password: str, is_staff: bool = False) -> User:
        """Somebody who can sign in.

        Raises:
            ValueError: the address has an account already.
        """
        with self._parts.server.lock:
            if self._parts.people.by_email(email):
                raise ValueError(f"{email} has an account already")
            return user_of(self._parts.people.add(email, password, is_staff=is_staff))

    def code_for(self, email: str) -> str:
        """The code that was mailed to an address last, by `auth.send_code`.

        Raises:
            LookupError: none was, or it has been used.
        """
        person = self._parts.people.by_email(email)
        if person is None or person.code is None:
            raise LookupError(f"no code was mailed to {email}")
        return person.code[0]
