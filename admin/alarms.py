"""Alarms: what the shop's staff should look at."""

from admin.command import Commands, Options, Session, identifier
from admin.output import details, local_time
from admin.shop import Row

_COLUMNS = "id,kind,subject,detail,raised_at,cleared_at"


def declare(commands: Commands) -> None:
    """Add the commands."""
    noun = commands.group("alarms", "What staff should look at.")
    noun.add("list", list_alarms).add_argument(
        "--all", action="store_true", help="also those that are cleared"
    )
    noun.add("acknowledge", acknowledge).add_argument("id", type=identifier, metavar="ID")


async def list_alarms(session: Session, options: Options) -> None:
    """List open alarms, newest first."""
    query = {} if options.all else {"cleared_at": "is.null"}
    alarms = await session.shop.select("alarms", select=_COLUMNS, order="raised_at.desc", **query)
    if session.output.as_json:
        session.output.json(alarms)
    elif not alarms:
        session.output.say("There are no alarms.")
    else:
        show(session, alarms)


async def acknowledge(session: Session, options: Options) -> None:
    """Clear an alarm. It is raised again if its cause is still there."""
    alarm = await session.shop.call("acknowledge_alarm", alarm_id=options.id)
    if session.output.as_json:
        session.output.json(alarm)
    else:
        session.output.say(f"Cleared: {alarm['kind']}, {alarm['subject']}.")


def show(session: Session, alarms: list[Row]) -> None:
    """A table of them."""
    session.output.table(
        ("ID", "raised", "kind", "subject", "detail", "cleared"),
        (
            (
                alarm["id"],
                local_time(alarm["raised_at"]),
                alarm["kind"],
                alarm["subject"],
                details(alarm["detail"]),
                local_time(alarm["cleared_at"]),
            )
            for alarm in alarms
        ),
    )
