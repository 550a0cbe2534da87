"""The mails' texts: the project's own, and what may not be in one."""

from pathlib import Path

import pytest

from local_stack.auth.templates import Templates, plain_text
from local_stack.config import AuthEmail, AuthMail, Config
from local_stack.errors import StackError
from local_stack.settings import REPOSITORY, Settings
from tests.stack.auth_inbox import open_inbox
from tests.stack.auth_server import new_email, serve_auth

VALUES: dict[str, object] = {
    "ConfirmationURL": "http://127.0.0.1/verify?token=t&type=signup",
    "Token": "123456",
    "TokenHash": "hash",
    "SiteURL": "http://127.0.0.1:3000",
    "Email": "old@example.com",
    "NewEmail": "new@example.com",
    "RedirectTo": "http://127.0.0.1:3000/welcome",
    "Data": {"name": '<b>"Bob"</b>', "nested": {"n": 1}},
}
KINDS = ["confirmation", "recovery", "magic_link", "invite", "email_change", "reauthentication"]


def _templates(tmp_path: Path, text: str, subject: str = "") -> Templates:
    (tmp_path / "mail.html").write_text(text)
    mail = AuthMail(subject=subject, content_path="mail.html")
    return Templates({"confirmation": mail}, tmp_path)


def test_the_projects_mails_carry_link_and_code() -> None:
    config = Config.read(REPOSITORY / "supabase" / "config.toml").auth.email.template
    assert list(config) == KINDS
    for templates in (Templates(config, REPOSITORY), Templates({}, REPOSITORY)):
        for kind in KINDS:
            subject, html = templates.render(kind, VALUES)
            text = plain_text(html)
            assert subject
            assert "{{" not in subject + html
            assert "123456" in text
            if kind != "reauthentication":
                assert str(VALUES["ConfirmationURL"]) in text
                assert "token=t&amp;type=signup" in html


def test_placeholders_are_filled_and_escaped(tmp_path: Path) -> None:
    text = "<p>{{ .Data.name }} {{.Data.nested.n}} {{- .Data.none -}} {{ .TokenHash }}</p>"
    subject, html = _templates(tmp_path, text, "For {{ .Data.name }}\r\n").render(
        "confirmation", VALUES
    )
    assert subject == 'For <b>"Bob"</b>'
    assert html == "<p>&lt;b&gt;&quot;Bob&quot;&lt;/b&gt; 1  hash</p>"
    whole = _templates(tmp_path, "{{ .Data }}").render("confirmation", VALUES)[1]
    assert "<b>" not in whole


def test_what_cannot_be_filled_stops_the_start(tmp_path: Path) -> None:
    for text in ("{{ .Password }}", "{{ if .Token }}x{{ end }}", "{{ Token }}", "{{"):
        with pytest.raises(StackError, match=r"auth\.email\.template\.confirmation"):
            _templates(tmp_path, text)
    with pytest.raises(StackError, match="cannot be read"):
        Templates({"invite": AuthMail(content_path="missing.html")}, tmp_path)
    with pytest.raises(StackError, match="no kind of mail"):
        Templates({"birthday": AuthMail()}, tmp_path)


def test_html_is_readable_without_html() -> None:
    html = (
        "<style>p {}</style><h1>Hello  you</h1>\n<p>One &amp;\n two"
        '<br><a href="http://x/?a=1&amp;b=2">Go</a></p>'
    )
    assert plain_text(html) == "Hello you\n\nOne & two\nGo: http://x/?a=1&b=2\n"


async def test_a_mail_is_sent_in_both_forms(bare_settings: Settings) -> None:
    config = bare_settings.config.auth.model_copy(
        update={
            "email": AuthEmail(
                enable_confirmations=True, template=bare_settings.config.auth.email.template
            )
        }
    )
    with open_inbox(bare_settings) as inbox:
        async with serve_auth(bare_settings, config) as auth:
            email = new_email()
            await auth.call("POST", "/otp", {"email": email, "data": {"nick": "N"}})
            assert inbox.newest(email)["Subject"] == "Confirm your e-mail address"
            assert inbox.code(email) in inbox.text(email, "html")
            use = {"type": "signup", "token_hash": inbox.token_hash(email)}
            assert (await auth.call("POST", "/verify", use)).status == 200
