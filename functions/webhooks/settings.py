"""The environment of the webhooks function."""

from functions.kit.settings import Settings


class WebhookSettings(Settings):
    """Adds where webhooks may go."""

    webhooks_allow_loopback: bool = False
    """For development: endpoints on this machine, without TLS too."""
