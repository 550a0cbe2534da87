"""The environment of the orders function."""

from pydantic import HttpUrl, SecretStr

from functions.kit.settings import Settings


class OrderSettings(Settings):
    """Adds the account at Stripe."""

    stripe_api_key: SecretStr
    stripe_api_base: HttpUrl | None = None
    """Where Stripe's API answers, if not at Stripe: a test double."""
