"""The environment of the schedules function."""

from pydantic import HttpUrl

from functions.kit.settings import Settings


class SchedulesSettings(Settings):
    """Adds who hears that the clock goes."""

    heartbeat_url: HttpUrl | None = None
    """Asked after each hourly run that succeeded; whoever is behind it raises the alarm if not."""
