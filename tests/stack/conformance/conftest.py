"""The official clients against one address: the embedded stack, or a Supabase with our migrations.

To point these tests at another project, set CONFORMANCE_SUPABASE_URL, CONFORMANCE_PUBLISHABLE_KEY
and CONFORMANCE_SECRET_KEY. They make users and buckets there, and delete them again.
"""

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from supabase import AsyncClient, acreate_client

PREFIX = "CONFORMANCE_"
PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test
SignIn = Callable[[], Awaitable[AsyncClient]]


@dataclass(frozen=True)
class Project:
    """What a client needs to know."""

    url: str
    publishable_key: str
    secret_key: str


@pytest.fixture(scope="session")
def project(request: pytest.FixtureRequest) -> Project:
    """The project that the environment names, else the embedded stack."""
    names = ("SUPABASE_URL", "PUBLISHABLE_KEY", "SECRET_KEY")
    if PREFIX + names[0] in os.environ:
        return Project(*(os.environ[PREFIX + name] for name in names))
    environment = request.getfixturevalue("stack").environment
    return Project(
        environment["SUPABASE_URL"],
        environment["SUPABASE_PUBLISHABLE_KEY"],
        environment["SUPABASE_SECRET_KEY"],
    )


@pytest.fixture
async def admin(project: Project) -> AsyncClient:
    """With the secret key."""
    return await acreate_client(project.url, project.secret_key)


@pytest.fixture
async def sign_in(project: Project, admin: AsyncClient) -> AsyncIterator[SignIn]:
    """Signs in a new user each time; all are deleted at the end."""
    users: list[str] = []

    async def make() -> AsyncClient:
        client = await acreate_client(project.url, project.publishable_key)
        email = f"conformance-{uuid.uuid4().hex}@example.com"
        account = {"email": email, "password": PASSWORD, "email_confirm": True}
        created = await admin.auth.admin.create_user(account)  # type: ignore[arg-type]
        users.append(created.user.id)
        await client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
        return client

    yield make
    for user in users:
        await admin.auth.admin.delete_user(user)
