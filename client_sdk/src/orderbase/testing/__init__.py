"""A shop in memory, to test code that uses `orderbase` without a server.

    from orderbase.testing import FakeShop

    def test_it_sells_a_cup() -> None:
        fake = FakeShop()
        cup = fake.add_product(name="Cup", price=Money(1250, "EUR"), stock=10)
        with fake.client() as shop:
            ...

As a plugin of pytest, `orderbase.testing.plugin` has the fixtures `orderbase_fake`,
`orderbase_shop` and `orderbase_async_shop`.
"""

from orderbase.testing._clock import Clock
from orderbase.testing._faults import Fault
from orderbase.testing._shop import ClientOptions, FakeShop

__all__ = ["ClientOptions", "Clock", "FakeShop", "Fault"]
