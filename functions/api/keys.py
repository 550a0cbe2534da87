"""The public keys of Supabase Auth (JWKS), kept and renewed."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from functions.api.single_flight import SingleFlight
from functions.kit.http import Http, NoAnswer

if TYPE_CHECKING:
    from jwt import PyJWK

_LOG = logging.getLogger(__name__)
_SECONDS = 5.0
_ALGORITHMS = ("ES256", "RS256")
_FRESH_SECONDS = 600
_USABLE_SECONDS = 3600
_COOLDOWN_SECONDS = 10
_RETRY_SECONDS = 1


class KeysUnavailable(Exception):  # noqa: N818 - says what happened
    """Auth does not tell its keys, and those that are known are too old."""


class KeySet:
    """Keys by their id: fetched again when they are old, or when an unknown one is asked for.

    Whatever ids strangers make up, Auth is not asked more often than every ten seconds; and for a
    key that is known and still good, nobody waits.
    """

    def __init__(
        self,
        http: Http,
        url: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` tells seconds."""
        self._http = http
        self._url = url
        self._clock = clock
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched_at = self._next_fetch = -math.inf
        self._fetches = SingleFlight[None, None]()

    async def aclose(self) -> None:
        """End what is on its way."""
        await self._fetches.close()

    async def find(self, kid: str) -> "PyJWK | None":
        """The key with this id, if Auth has it.

        Raises:
            KeysUnavailable: nobody knows.
        """
        if self._is_due(kid):
            if self._are_usable() and kid in self._keys:
                self._fetches.start(None, self._fetch)
            else:
                await self._fetches.join(None, self._fetch)
        if not self._are_usable():
            raise KeysUnavailable
        return self._keys.get(kid)

    def _are_usable(self) -> bool:
        return self._age() <= _USABLE_SECONDS

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _is_due(self, kid: str) -> bool:
        wanted = kid not in self._keys or self._age() > _FRESH_SECONDS
        return wanted and self._clock() >= self._next_fetch

    async def _fetch(self) -> None:
        # While keys are good, there is no hurry.
        pause = _COOLDOWN_SECONDS if self._are_usable() else _RETRY_SECONDS
        try:
            self._keys = dict(_usable(await self._load()))
            self._fetched_at = self._clock()
            pause = _COOLDOWN_SECONDS
        except (NoAnswer, ValueError) as error:
            _LOG.warning("Auth does not tell its keys", exc_info=error)
        finally:
            self._next_fetch = self._clock() + pause

    async def _load(self) -> list[Any]:
        """The set's members.

        Raises:
            ValueError: the answer is no JWK set.
        """
        answer = await self._http.ask("GET", self._url, seconds=_SECONDS)
        keys = answer.body.get("keys") if isinstance(answer.body, dict) else None
        if answer.status != HTTPStatus.OK or not isinstance(keys, list):
            raise ValueError("no JWK set")
        return keys


def _usable(members: list[Any]) -> "Iterator[tuple[str, PyJWK]]":
    """Those that may sign the tokens of users, each for the one algorithm that its kind is for."""
    from jwt import PyJWK, PyJWTError  # noqa: PLC0415 - a process answers before this is imported

    for member in members:
        try:
            key = PyJWK(member)
            if key.algorithm_name in _ALGORITHMS and key.key_id:
                yield key.key_id, key
        except (PyJWTError, AttributeError, TypeError, ValueError):
            continue
