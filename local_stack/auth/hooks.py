"""The custom access token hook: a Postgres function that may change the claims of every token."""

import logging
import re
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from local_stack.auth.errors import AuthError
from local_stack.auth.rows import Json
from local_stack.config import AuthHook
from local_stack.errors import StackError

log = logging.getLogger(__name__)

_URI = re.compile(r"pg-functions://postgres/([A-Za-z_][\w$-]*)/([A-Za-z_][\w$-]*)")
_LIMIT = "set local statement_timeout = '2s'"
_NO_LIMIT = "set local statement_timeout to default"
_REQUIRED: dict[str, type | tuple[type, ...]] = {
    "aud": (str, list),
    "exp": int,
    "iat": int,
    "sub": str,
    "email": str,
    "phone": str,
    "role": str,
    "aal": str,
    "session_id": str,
    "is_anonymous": bool,
}


@dataclass(frozen=True)
class Hook:
    """A function that takes and returns one JSON object."""

    schema: str
    name: str

    @classmethod
    def of(cls, config: AuthHook) -> "Hook | None":
        """The function that the configuration names, if the hook is on.

        Raises:
            StackError: it names none.
        """
        if not config.enabled:
            return None
        found = _URI.fullmatch(config.uri)
        if found is None:
            raise StackError(
                f"auth.hook.custom_access_token.uri = {config.uri!r} cannot be called here; "
                "use pg-functions://postgres/<schema>/<function>."
            )
        return cls(found[1], found[2])

    async def call(self, conn: AsyncConnection[DictRow], event: Json) -> Json:
        """What the function answers within two seconds.

        Raises:
            AuthError: it fails, takes longer, or returns an error of its own.
        """
        function = sql.Identifier(self.schema, self.name)
        statement = sql.SQL("select {}(%s) as answer").format(function)
        try:
            await conn.execute(_LIMIT)
            row = await (await conn.execute(statement, (Jsonb(event),))).fetchone()
            await conn.execute(_NO_LIMIT)
        except psycopg.Error as error:
            log.warning("Hook %s.%s failed: %s", self.schema, self.name, error.sqlstate)
            message = "Error running hook URI: "
            message += f"pg-functions://postgres/{self.schema}/{self.name}"
            raise AuthError(500, "unexpected_failure", message) from error
        answer: Json = row["answer"] if row and isinstance(row["answer"], dict) else {}
        _raise_own_error(answer)
        return answer


async def custom_claims(
    hook: Hook | None, conn: AsyncConnection[DictRow], user_id: UUID, claims: Json, method: str
) -> Json:
    """The claims as the hook wants them; as they are, if there is no hook.

    Raises:
        AuthError: the hook fails or refuses, or leaves out a claim that everybody counts on.
    """
    if hook is None:
        return claims
    event = {"user_id": str(user_id), "claims": claims, "authentication_method": method}
    answer = (await hook.call(conn, event)).get("claims")
    changed: Json = answer if isinstance(answer, dict) else {}
    wrong = [name for name, kind in _REQUIRED.items() if not isinstance(changed.get(name), kind)]
    if wrong:
        message = f"output claims do not conform to the expected schema: {', '.join(wrong)}"
        raise AuthError(500, "unexpected_failure", message)
    return changed


def _raise_own_error(answer: Json) -> None:
    error = answer.get("error")
    if not isinstance(error, dict) or not error.get("message"):
        return
    status = error.get("http_code")
    if not isinstance(status, int) or not 400 <= status <= 599:
        status = 500
    raise AuthError(status, "unexpected_failure", str(error["message"]))
