"""What a client may do on a private topic: the policies of `realtime.messages` decide."""

import logging
from collections.abc import Awaitable, Callable
from typing import LiteralString

import psycopg

from local_stack.realtime.credentials import Credentials
from local_stack.realtime.database import Database
from local_stack.realtime.messages import Messages

BROADCAST, PRESENCE = "broadcast", "presence"
Extensions = frozenset[str]
EVERYTHING: Extensions = frozenset({BROADCAST, PRESENCE})
"""What all clients may do on a public topic."""

_READABLE = "select realtime.readable(%(role)s, %(claims)s, %(topic)s)"
_WRITABLE = "select realtime.writable(%(role)s, %(claims)s, %(topic)s)"

_log = logging.getLogger(__name__)


class AuthorizationError(Exception):
    """It could not be found out what the client may do; the message is for the client."""


class Authorization:
    """Tries the policies with probe rows that are rolled back."""

    def __init__(self, database: Database, messages: Messages) -> None:
        self._database = database
        self._messages = messages

    async def readable(self, topic: str, credentials: Credentials) -> Extensions:
        """The extensions whose messages these credentials may read on the topic.

        Raises:
            AuthorizationError: the database is not there, or a policy takes too long.
        """
        return await self._extensions(_READABLE, topic, credentials)

    async def writable(self, topic: str, credentials: Credentials) -> Extensions:
        """The extensions that these credentials may send on the topic.

        Raises:
            AuthorizationError: the database is not there, or a policy takes too long.
        """
        return await self._extensions(_WRITABLE, topic, credentials)

    async def _extensions(
        self,
        query: LiteralString,
        topic: str,
        credentials: Credentials,
    ) -> Extensions:
        parameters = {"role": credentials.role, "claims": credentials.claims, "topic": topic}

        async def ask() -> Extensions:
            ((found,),) = await self._database.rows_undone(query, parameters)
            return frozenset(found)

        try:
            return await self._with_partition(ask)
        except psycopg.errors.QueryCanceled as error:
            raise AuthorizationError("QueryCanceled: the policies took too long") from error
        except (psycopg.errors.CheckViolation, psycopg.OperationalError) as error:
            _log.warning("a private topic was not checked: %s", error)
            raise AuthorizationError(
                "UnableToConnectToProject: Realtime was unable to connect to the project database"
            ) from error
        except (psycopg.Error, UnicodeError) as error:
            # No such role, or a policy that fails: as on Supabase, that gives no right.
            _log.warning("a policy of realtime.messages failed: %s", error)
            return frozenset()

    async def _with_partition(self, ask: Callable[[], Awaitable[Extensions]]) -> Extensions:
        try:
            return await ask()
        except psycopg.errors.CheckViolation:
            # After a long sleep of the machine, today's partition may not be there yet.
            await self._messages.keep_partitions()
            return await ask()
