"""What an application needs to know of a stack, as environment variables."""

from local_stack.settings import Settings

SHOPPER = "shopper@example.com"
STAFF = "staff@example.com"


def variables(settings: Settings) -> dict[str, str]:
    """The dotenv lines of `make env`, and the whole environment of the functions."""
    keys = settings.keys
    return {
        "SUPABASE_URL": settings.api_url,
        "SUPABASE_PUBLISHABLE_KEY": keys.publishable_key,
        "SUPABASE_SECRET_KEY": keys.secret_key,
        "SUPABASE_ANON_KEY": keys.anon_key,
        "SUPABASE_SERVICE_ROLE_KEY": keys.service_role_key,
        "SUPABASE_JWT_SECRET": keys.jwt_secret,
        "DATABASE_URL": settings.database_url(),
        "FUNCTIONS_URL": settings.functions_url,
        "WEB_URL": settings.web_url,
        "MAIL_URL": settings.mail_url,
        "SMTP_URL": settings.smtp_url,
        "WEBHOOK_SECRET": keys.webhook_secret,
        "METRICS_TOKEN": keys.metrics_token,
        "STRIPE_API_BASE": settings.payments_url,
        "STRIPE_API_KEY": keys.stripe_api_key,
        "STRIPE_WEBHOOK_SECRET": keys.stripe_webhook_secret,
        "DEFAULT_PAYMENT_METHOD": "pm_card_visa",
        # Whoever can call at all may play the proxy.
        "TRUSTED_PROXIES": "127.0.0.0/8",
        # Everybody here calls from one address.
        "ANONYMOUS_REQUESTS_PER_MINUTE": "60000",
        "WEBHOOKS_ALLOW_LOOPBACK": "true",
        "DEMO_SHOPPER_EMAIL": SHOPPER,
        "DEMO_STAFF_EMAIL": STAFF,
        "DEMO_PASSWORD": keys.demo_password,
    }
