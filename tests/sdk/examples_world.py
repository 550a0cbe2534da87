"""What the examples of the documentation are run in: a shop, and what they take for granted."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import ExitStack, asynccontextmanager, chdir, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from orderbase import Address, AsyncOrderbase, Orderbase, OrderDetails, Product
from tests.conftest import Stack
from tests.sdk.examples import Block, Page, is_asynchronous
from tests.sdk.live import ADDRESS, PASSWORD, create_product, new_email

PATIENCE_SECONDS = 60
_DEMO = ("DEMO_PASSWORD", "DEMO_STAFF_EMAIL")  # what examples of the terminal name
_CODE = re.compile(r"code: (\d{6})\b")
SECRET = "whsec_YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgb2s="  # noqa: S105 - of no shop


class World:
    """Runs pages on one shop, each with a shopper and a product of its own."""

    def __init__(self, stack: Stack, folder: Path, closing: ExitStack) -> None:
        self.stack = stack
        self.closing = closing
        self.url = stack.environment["SUPABASE_URL"]
        self.key = stack.environment["SUPABASE_PUBLISHABLE_KEY"]
        self.email = new_email()
        self._folder = folder
        self._things: dict[str, Any] = {}

    def given(self, name: str) -> Any:  # noqa: ANN401 - whatever the page takes for granted
        """What a page calls by this name."""
        if name not in self._things:
            _, make = GIVEN[name]
            self._things[name] = make(self)
        return self._things[name]

    def run(self, page: Page) -> dict[str, Any]:
        """Run all blocks in order; the names that they leave behind."""
        values = {
            "http://127.0.0.1:54321": self.url,
            "sb_publishable_...": self.key,
            "whsec_...": SECRET,
        }
        names: dict[str, Any] = {"__name__": "example", "input": self._typed}
        for block in page.blocks:
            if block.reason is None and block.language in ("python", "sh"):
                with _deadline(block):
                    self._run(block.filled(values), page.given, names)
        return names

    def client(self) -> Orderbase:
        """A client on which nobody is signed in."""
        return self.closing.enter_context(Orderbase(self.url, self.key))

    def _run(self, block: Block, given: Mapping[str, str], names: dict[str, Any]) -> None:
        if block.title is not None:
            (self._folder / block.title).write_text(block.code, "utf-8")
            return
        if block.language == "sh":
            block.check(self._shell(block))
            return
        program = block.compiled()
        with redirect_stdout(StringIO()) as printed, chdir(self._folder):
            if is_asynchronous(program):
                asyncio.run(self._await(program, given, names))
            else:
                names.update({name: self.given(thing) for name, thing in given.items()})
                exec(program, names)  # noqa: S102 - our own example
        block.check(printed.getvalue())

    async def _await(
        self, program: CodeType, given: Mapping[str, str], names: dict[str, Any]
    ) -> None:
        async with self._asynchronous(given) as things:
            names.update(things)
            await eval(program, names)  # noqa: S307 - our own example

    @asynccontextmanager
    async def _asynchronous(self, given: Mapping[str, str]) -> AsyncGenerator[dict[str, Any], None]:
        """The same things, with clients that are awaited."""
        async with AsyncOrderbase(self.url, self.key) as client:
            things = {name: self.given(thing) for name, thing in given.items()}
            for name, thing in things.items():
                if isinstance(thing, Orderbase):
                    things[name] = client.as_user(thing.auth.token() or "")
            yield things

    def _typed(self, _: str) -> str:
        """What the shopper types: the code of a mail."""
        inbox = f"{self.stack.environment['MAIL_URL']}/api/v1"
        while True:  # the mail is on its way; the example has a deadline
            for mail in _read(f"{inbox}/search?{urlencode({'query': f'to:{self.email}'})}")[
                "messages"
            ]:
                if code := _CODE.search(_read(f"{inbox}/message/{mail['ID']}")["Text"]):
                    return code[1]

    def _shell(self, block: Block) -> str:
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self._folder),
            **{name: self.stack.environment[name] for name in _DEMO},
        }
        result = subprocess.run(  # noqa: S603 - our own example
            ["/bin/sh", "-euc", block.code],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert result.returncode == 0, f"{block.page}:{block.line}: {result.stderr}"
        return result.stdout


def _read(address: str) -> Any:  # noqa: ANN401 - JSON
    with urlopen(address) as answer:  # noqa: S310 - our own inbox
        return json.load(answer)


def _account(world: World) -> Orderbase:
    shop = world.client()
    shop.auth.sign_up(email=world.email, password=PASSWORD)
    return shop


def _staff(world: World) -> Orderbase:
    environment = world.stack.environment
    shop = world.client()
    shop.auth.sign_in(email=environment["DEMO_STAFF_EMAIL"], password=environment["DEMO_PASSWORD"])
    return shop


def _cup(world: World) -> object:
    return world.client().products.get(create_product(world.stack, stock=100))


def _order(world: World) -> object:
    """One that is completed."""
    shop: Orderbase = world.given("shop")
    order = shop.orders.place(
        {world.given("cup").id: 2}, shipping_address=ADDRESS, payment_method="pm_card_visa"
    )
    with shop.orders.watch(order_id=order.id) as events:
        next(event for event in events if event.status == "completed")
    return shop.orders.get(order.id)


# By the name that a page's front matter says: the type, and how it is made.
GIVEN: dict[str, tuple[type, Callable[[World], Any]]] = {
    "url": (str, lambda world: world.url),
    "key": (str, lambda world: world.key),
    "email": (str, lambda world: world.email),
    "password": (str, lambda _: PASSWORD),
    "token": (str, lambda world: world.given("shop").auth.token()),
    "address": (Address, lambda _: ADDRESS),
    "cup": (Product, _cup),
    "order": (OrderDetails, _order),
    "shop": (Orderbase, _account),
    "staff": (Orderbase, _staff),
}


@contextmanager
def _deadline(block: Block) -> Generator[None, None, None]:
    """An example that does not end is a failure."""

    def stop(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"{block.page}:{block.line} does not end")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
