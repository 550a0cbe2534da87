"""The fake shop's server: who calls, where to, and one request at a time."""

import threading
from collections.abc import Callable, Mapping

from orderbase._http import Response
from orderbase.testing._auth import Auth
from orderbase.testing._caller import ANYBODY, SERVICE, Caller
from orderbase.testing._people import People
from orderbase.testing._received import Received
from orderbase.testing._refusals import Refusal, unknown
from orderbase.testing._rest import Rest


class Server:
    """Answers requests as a Supabase project does.

    `keys`: whose they are. `finish`: what happens by itself behind each request.
    """

    def __init__(
        self,
        people: People,
        auth: Auth,
        rest: Rest,
        keys: Mapping[str, str],
        finish: Callable[[], None],
    ) -> None:
        self.lock = threading.RLock()
        self._people = people
        self._auth = auth
        self._rest = rest
        self._keys = keys
        self._finish = finish

    def answer(self, request: Received) -> Response:
        """The answer, also when it says no."""
        with self.lock:
            try:
                return self._answer(request)
            except Refusal as refusal:
                return refusal.response

    def _answer(self, request: Received) -> Response:
        if request.path.startswith("/auth/v1/"):
            return self._auth.answer(request)
        if request.path.startswith("/rest/v1/"):
            caller = self._caller(request.bearer)
            response = self._rest.answer(caller, request)
            self._finish()
            return response
        raise unknown(request.path)

    def _caller(self, bearer: str) -> Caller:
        role = self._keys.get(bearer)
        if role is None:
            return self._people.caller(bearer)
        return SERVICE if role == "service_role" else ANYBODY
