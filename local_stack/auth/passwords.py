"""Passwords: the rules for new ones, and bcrypt in threads so that the event loop never waits."""

import asyncio
import os
import re
import string
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from local_stack.auth.errors import WeakPasswordError, invalid
from local_stack.config import Auth
from local_stack.errors import StackError

_COST = 10
_MAX_BYTES = 72
"""bcrypt reads no further."""
_HASH = re.compile(r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}")
_NOBODYS_HASH = f"$2b${_COST}$" + "." * 53
_SYMBOLS = "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~"
_REQUIRED: dict[str, list[str]] = {
    "": [],
    "letters_digits": [string.ascii_letters, string.digits],
    "lower_upper_letters_digits": [
        string.ascii_lowercase,
        string.ascii_uppercase,
        string.digits,
    ],
    "lower_upper_letters_digits_symbols": [
        string.ascii_lowercase,
        string.ascii_uppercase,
        string.digits,
        _SYMBOLS,
    ],
}


class Passwords:
    """Checks, hashes and compares passwords."""

    def __init__(self, config: Auth) -> None:
        """Take the rules of `[auth]`.

        Raises:
            StackError: `password_requirements` is none of the known sets.
        """
        if config.password_requirements not in _REQUIRED:
            raise StackError(
                f"auth.password_requirements = {config.password_requirements!r} is unknown; "
                f"use one of {', '.join(map(repr, _REQUIRED))}."
            )
        self._minimum_length = config.minimum_password_length
        self._required = _REQUIRED[config.password_requirements]
        self._threads = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "bcrypt")

    def require_strong(self, password: str) -> None:
        """Refuse what the rules forbid for a new password.

        Raises:
            AuthError: 400, longer than bcrypt can hash.
            WeakPasswordError: 422, with all the reasons.
        """
        _require_hashable(password)
        reasons = {}
        if len(password) < self._minimum_length:
            reasons["length"] = f"Password should be at least {self._minimum_length} characters."
        if not all(set(password) & set(characters) for characters in self._required):
            sets = ", ".join(self._required)
            reasons["characters"] = (
                f"Password should contain at least one character of each: {sets}."
            )
        if reasons:
            raise WeakPasswordError(reasons)

    async def hash(self, password: str) -> str:
        """The bcrypt hash of a password.

        Raises:
            AuthError: 400, longer than bcrypt can hash.
        """
        _require_hashable(password)
        work = asyncio.get_running_loop().run_in_executor
        return (await work(self._threads, _hash, password.encode())).decode()

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Whether the password has this hash; without a hash, no, at the same cost."""
        comparable = hashed if hashed and is_hash(hashed) else _NOBODYS_HASH
        secret = password.encode()
        work = asyncio.get_running_loop().run_in_executor
        same = await work(self._threads, bcrypt.checkpw, secret[:_MAX_BYTES], comparable.encode())
        return same and comparable == hashed and len(secret) <= _MAX_BYTES

    def close(self) -> None:
        """Let the threads end after the work in hand."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def is_hash(text: str) -> bool:
    """Whether the text is a bcrypt hash."""
    return _HASH.fullmatch(text) is not None


def _require_hashable(password: str) -> None:
    if len(password.encode()) > _MAX_BYTES:
        message = f"Password cannot be longer than {_MAX_BYTES} characters"
        raise invalid(message)


def _hash(password: bytes) -> bytes:
    return bcrypt.hashpw(password, bcrypt.gensalt(_COST))
