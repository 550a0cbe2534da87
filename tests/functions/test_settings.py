"""The environment: what is missing or wrong is said in one line, without secrets."""

import pytest

from functions.api.settings import ApiSettings
from functions.emails.settings import EmailSettings, MailServer, parse_mailbox
from functions.kit.settings import Settings
from functions.orders.settings import OrderSettings

GOOD = {
    "SUPABASE_URL": "http://127.0.0.1:54321",
    "SUPABASE_SECRET_KEY": "sb_secret_canary",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_test",
    "WEBHOOK_SECRET": "whsec_0123456789abcdef0123456789",
    "STRIPE_API_KEY": "sk_test_canary",
    "SMTP_URL": "smtp://user:canary@mail.example.com:2525",
    "WEB_URL": "http://127.0.0.1:3000",
}

OPTIONAL = (
    "STRIPE_API_BASE",
    "STRIPE_WEBHOOK_SECRET",
    "CARRIER",
    "METRICS_TOKEN",
    "MAIL_FROM",
    "SHOP_NAME",
    "HEARTBEAT_URL",
)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in OPTIONAL:
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_defaults_are_those_of_the_embedded_stack(environment: pytest.MonkeyPatch) -> None:
    emails = EmailSettings.load()
    assert (emails.mail_from, emails.shop_name) == ("Orderbase <orders@localhost>", "Orderbase")
    orders = OrderSettings.load()
    assert (orders.stripe_api_base, orders.stripe_webhook_secret) == (None, None)
    assert (orders.carrier, orders.metrics_token) == ("test", None)


@pytest.mark.parametrize(
    ("function", "variable"),
    [
        (Settings, "SUPABASE_URL"),
        (Settings, "SUPABASE_SECRET_KEY"),
        (Settings, "WEBHOOK_SECRET"),
        (OrderSettings, "STRIPE_API_KEY"),
        (EmailSettings, "SMTP_URL"),
        (EmailSettings, "WEB_URL"),
        (ApiSettings, "SUPABASE_PUBLISHABLE_KEY"),
        (ApiSettings, "WEB_URL"),
    ],
)
def test_a_missing_or_empty_variable_is_named(
    environment: pytest.MonkeyPatch, function: type[Settings], variable: str
) -> None:
    environment.delenv(variable)
    with pytest.raises(SystemExit) as missing:
        function.load()
    assert missing.value.code == f"{variable} is not set."
    environment.setenv(variable, "")
    with pytest.raises(SystemExit, match=f"{variable} is not set"):
        function.load()


@pytest.mark.parametrize(
    ("function", "variable", "value"),
    [
        (Settings, "SUPABASE_URL", "canary"),
        (Settings, "WEBHOOK_SECRET", "canary"),
        (OrderSettings, "STRIPE_API_BASE", "canary"),
        (ApiSettings, "TRUSTED_PROXIES", "10.0.0.0/8, canary"),
        (ApiSettings, "DEFAULT_PAYMENT_METHOD", "canary"),
        (ApiSettings, "REQUESTS_PER_MINUTE", "0"),
        (OrderSettings, "CARRIER", "canary"),
        (EmailSettings, "SMTP_URL", "http://canary"),
        (EmailSettings, "SMTP_URL", "smtp://canary:port"),
        (EmailSettings, "SMTP_URL", "smtp://"),
        (EmailSettings, "MAIL_FROM", "canary"),
        (EmailSettings, "MAIL_FROM", "a@example.com, b@example.com"),
        (EmailSettings, "MAIL_FROM", "a@example.com\r\nBcc: b@example.com"),
    ],
)
def test_a_wrong_value_is_refused_without_showing_it(
    environment: pytest.MonkeyPatch, function: type[Settings], variable: str, value: str
) -> None:
    environment.setenv(variable, value)
    with pytest.raises(SystemExit) as refused:
        function.load()
    text = str(refused.value.code)
    assert text.startswith(f"{variable} cannot be used: ")
    assert "canary" not in text.replace("port could not be cast", "")
    assert "\n" not in text


def test_an_empty_secret_is_none(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STRIPE_WEBHOOK_SECRET", "")
    environment.setenv("METRICS_TOKEN", "")
    orders = OrderSettings.load()
    assert (orders.stripe_webhook_secret, orders.metrics_token) == (None, None)


def test_secrets_do_not_show(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STRIPE_WEBHOOK_SECRET", "whsec_canary")
    environment.setenv("METRICS_TOKEN", "canary")
    assert "canary" not in f"{OrderSettings.load()!r} {EmailSettings.load()}"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://127.0.0.1:54325", ("127.0.0.1", 54325, None, False)),
        ("smtp://mail.example.com", ("mail.example.com", 587, None, False)),
        ("smtps://a%40b:p%2Fw@mail.example.com", ("mail.example.com", 465, "a@b", True)),
    ],
)
def test_mail_servers(url: str, server: tuple[object, ...]) -> None:
    read = MailServer.of_url(url)
    assert (read.host, read.port, read.username, read.implicit_tls) == server
    if read.password:
        assert read.password.get_secret_value() == "p/w"


def test_a_mailbox_has_a_name_and_one_address() -> None:
    mailbox = parse_mailbox("Café Nord <hej@example.com>")
    assert (mailbox.display_name, mailbox.addr_spec) == ("Café Nord", "hej@example.com")
