"""The blocking face of the asynchronous client: each method does the same, and waits.

So there is one implementation of everything, and a blocking client that hears live events.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from orderbase._portal import Portal

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")


class Blocking(Generic[A]):
    """The blocking face of something asynchronous."""

    def __init__(self, portal: Portal, asynchronous: A) -> None:
        self._portal = portal
        self._async = asynchronous


def blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Blocking[A], P], T]:
    """The method that does the same and waits for it."""

    @wraps(method)
    def wait(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        portal, asynchronous = self._portal, self._async  # pyright: ignore[reportPrivateUsage] - see above
        return portal.run(method(asynchronous, *args, **kwargs))

    return wait
