"""Receivers of webhooks, and a sender that may call this machine."""

from collections.abc import AsyncIterator

import pytest

from functions.webhooks.send import Sender
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A running receiver on the loopback."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    """As in development: it may call the loopback."""
    async with Sender.open(allow_loopback=True, seconds=10) as sender:
        yield sender
