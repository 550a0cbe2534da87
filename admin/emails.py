"""Mails."""

from admin.command import Commands, Options, Session, identifier


def declare(commands: Commands) -> None:
    """Add the commands."""
    noun = commands.group("emails", "Mails to shoppers and staff.")
    noun.add("resend", resend).add_argument("id", type=identifier, metavar="ID")


async def resend(session: Session, options: Options) -> None:
    """Send a mail once more. `orders show` has the IDs of an order's mails."""
    mail = await session.shop.call("resend_email", email_id=options.id)
    if session.output.as_json:
        session.output.json({name: mail[name] for name in ("id", "template", "status", "resend")})
    else:
        session.output.say(f"Mail {mail['template']} is sent again, as {mail['id']}.")
