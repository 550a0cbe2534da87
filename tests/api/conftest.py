"""The API over a running stack, and people who call it."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import jwt
import pytest

from functions.api.function import api
from functions.api.settings import ApiSettings
from functions.kit.app import create_app
from tests.api.calling import Person
from tests.conftest import Stack
from tests.functions.serving import serving
from tests.products import product_maker

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test
PLENTY = 1_000_000
NewPerson = Callable[..., Awaitable[Person]]


def settings_of(stack: Stack, **changed: object) -> ApiSettings:
    """What points an API to the stack; nobody is held back by limits."""
    plenty = {"requests_per_minute": PLENTY, "anonymous_requests_per_minute": PLENTY}
    environment = {name.lower(): value for name, value in stack.environment.items()}
    known = {name: environment[name] for name in ApiSettings.model_fields if name in environment}
    return ApiSettings.model_validate(known | plenty | changed)


@asynccontextmanager
async def serve(settings: ApiSettings) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of an API of a test's own."""
    async with serving(create_app("api", settings, api(settings))) as client:
        yield client


@pytest.fixture(scope="session")
async def client(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of an API that most tests share."""
    async with serve(settings_of(stack)) as client:
        yield client


async def sign_in(stack: Stack, email: str, password: str = PASSWORD) -> str:
    """An access token of Auth."""
    return await _token(stack, "token?grant_type=password", {"email": email, "password": password})


async def _token(stack: Stack, way: str, who: dict[str, str]) -> str:
    url = f"{stack.settings.api_url}/auth/v1/{way}"
    headers = {"apikey": stack.settings.keys.publishable_key}
    async with (
        aiohttp.ClientSession(headers=headers, raise_for_status=True) as session,
        session.post(url, json=who) as answer,
    ):
        return str((await answer.json())["access_token"])


async def _hire(stack: Stack, email: str) -> None:
    url = f"{stack.settings.api_url}/auth/v1/admin/users"
    account = {
        "email": email,
        "password": PASSWORD,
        "email_confirm": True,
        "app_metadata": {"role": "staff"},
    }
    headers = {"apikey": stack.settings.keys.secret_key}
    async with (
        aiohttp.ClientSession(headers=headers, raise_for_status=True) as session,
        session.post(url, json=account),
    ):
        pass


@pytest.fixture(scope="session")
def new_person(stack: Stack, client: aiohttp.ClientSession) -> NewPerson:
    """Makes people who are signed in: `new_person()`, `(role="staff")`, `(guest=True)`."""

    async def make(role: str | None = None, *, guest: bool = False) -> Person:
        email = f"{uuid.uuid4().hex}@example.com"
        if guest:
            email, token = "", await _token(stack, "signup", {})
        elif role:
            await _hire(stack, email)
            token = await sign_in(stack, email)
        else:
            token = await _token(stack, "signup", {"email": email, "password": PASSWORD})
        claims = jwt.decode(token, options={"verify_signature": False})
        return Person(client, token, uuid.UUID(claims["sub"]), email)

    return make


@pytest.fixture(scope="session")
async def shopper(new_person: NewPerson) -> Person:
    return await new_person()


@pytest.fixture(scope="session")
async def staff(new_person: NewPerson) -> Person:
    return await new_person("staff")


@pytest.fixture(scope="session")
def nobody(client: aiohttp.ClientSession) -> Person:
    """Not signed in."""
    return Person(client)


@pytest.fixture(scope="session")
def new_product(stack: Stack) -> Callable[..., str]:
    """Makes products with so many in stock; returns their ids."""
    return product_maker(stack.settings)
