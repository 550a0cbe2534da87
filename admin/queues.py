"""Queues: how full they are, and what is wrong."""

from admin import alarms
from admin.command import Commands, Options, Session


def declare(commands: Commands) -> None:
    """Add the command."""
    commands.add("queues", show)


async def show(session: Session, _: Options) -> None:
    """Show how full the queues are, and open alarms."""
    queues = sorted(await session.shop.engine("queue_depths", {}), key=lambda one: one["queue"])
    raised = await session.shop.select(
        "alarms", select="*", order="raised_at.desc", cleared_at="is.null"
    )
    if session.output.as_json:
        session.output.json({"queues": queues, "alarms": raised})
        return
    session.output.table(
        ("queue", "state", ">messages", ">oldest", ">dead letters"),
        (
            (
                queue["queue"],
                "active" if queue["active"] else "off",
                queue["length"],
                f"{queue['oldest_seconds']} s" if queue["length"] else "",
                queue["dead_letters"],
            )
            for queue in queues
        ),
    )
    if raised:
        session.output.say("")
        alarms.show(session, raised)
