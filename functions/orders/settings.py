"""The environment of the orders function."""

from typing import Literal

from pydantic import HttpUrl, SecretStr

from functions.kit.settings import Settings


class OrderSettings(Settings):
    """Adds the account at Stripe, and who ships."""

    stripe_api_key: SecretStr
    stripe_api_base: HttpUrl | None = None
    """Where Stripe's API answers, if not at Stripe: a test double."""
    stripe_webhook_secret: SecretStr | None = None
    """Signs Stripe's webhooks; without it, none is taken."""
    carrier: Literal["test", "manual"] = "test"
