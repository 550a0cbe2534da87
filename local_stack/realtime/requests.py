"""What a client asks for when it joins a channel."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from local_stack.realtime.subscriptions import ANY

_MAX_CHANGES = 100
_MAX_WAIT = 20_000
_MAX_REPLAYED = 25
_MAX_MILLISECONDS = 253_402_300_799_999

Text = Annotated[str, BeforeValidator(lambda value: value or "")]


_OR_DEFAULT = BeforeValidator(lambda value: {} if value is None else value)


class InvalidJoinError(Exception):
    """The payload of a join is not one; the message may be shown."""


class ChangesRequest(BaseModel):
    """One entry of `postgres_changes`."""

    event: Annotated[
        Literal["*", "INSERT", "UPDATE", "DELETE"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = "*"
    schema_name: Text = Field(default="", alias="schema")
    table: Text = ""
    filter: Text = ""
    select: list[str] | None = None

    @property
    def names(self) -> tuple[str, str]:
        """Schema and table, either of which may be `*`."""
        return self.schema_name or "public", self.table or ANY

    def __str__(self) -> str:
        schema, table = self.names
        return f"event: {self.event}, schema: {schema}, table: {table}, filter: {self.filter}"


class ReplayOptions(BaseModel):
    """Which broadcasts of the past a private channel hears first."""

    since: int = Field(strict=True, ge=0, le=_MAX_MILLISECONDS)
    """Unix time in ms."""
    limit: int = Field(default=_MAX_REPLAYED, strict=True)

    @property
    def count(self) -> int:
        return max(1, min(self.limit, _MAX_REPLAYED))


class BroadcastOptions(BaseModel):
    """Whether one's own broadcasts come back, whether each is acknowledged, what is replayed."""

    to_self: bool = Field(default=False, alias="self")
    ack: bool = False
    replication_ready: bool = False
    """Whether to say when broadcasts of the database flow."""
    replay: ReplayOptions | None = None


class PresenceOptions(BaseModel):
    """Whether to hear who is there, and under which key to be seen."""

    key: Text = ""
    enabled: bool = False


class ChangesOptions(BaseModel):
    """Whether the reply to the join waits for the subscription, and for how long in ms."""

    wait: bool = False
    timeout: int = Field(default=15_000, ge=0)

    @property
    def seconds(self) -> float:
        return min(self.timeout, _MAX_WAIT) / 1000


class ChannelOptions(BaseModel):
    """The `config` of a join."""

    broadcast: Annotated[BroadcastOptions, _OR_DEFAULT] = BroadcastOptions()
    presence: Annotated[PresenceOptions, _OR_DEFAULT] = PresenceOptions()
    private: Annotated[bool, BeforeValidator(lambda value: value or False)] = False
    postgres_changes: list[dict[str, Any]] | None = Field(default=None, max_length=_MAX_CHANGES)
    postgres_changes_options: ChangesOptions | None = None


class JoinRequest(BaseModel):
    """The payload of `phx_join`."""

    config: ChannelOptions = ChannelOptions()
    access_token: str | None = None

    @classmethod
    def read(cls, payload: dict[str, Any]) -> tuple["JoinRequest", list[ChangesRequest]]:
        """The request and its changes entries.

        Raises:
            InvalidJoinError: naming the first field that is wrong.
        """
        try:
            request = cls.model_validate(payload)
            entries = request.config.postgres_changes or []
            return request, [ChangesRequest.model_validate(entry) for entry in entries]
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidJoinError(f"{where}: {first['msg']}") from error
