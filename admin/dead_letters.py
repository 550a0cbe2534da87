"""Dead letters: what no retry could help, for people to decide."""

from admin.command import Commands, Options, Session, add_yes, confirm
from admin.errors import RefusedError
from admin.output import details, local_time
from admin.shop import Row, Shop

_PAGE = 1000
_HEAD = ("ID", "since", "queue", "reason", ">attempts", ">order", "cause", "resolution")


def declare(commands: Commands) -> None:
    """Add the commands."""
    noun = commands.group("dead-letters", "What no retry could help.")
    listing = noun.add("list", list_letters)
    listing.add_argument("--all", action="store_true", help="also those that were dealt with")
    listing.add_argument("--queue", help="only of this queue")
    noun.add("show", show).add_argument("id", type=int, metavar="ID")
    again = noun.add("retry", retry)
    again.add_argument("id", type=int, metavar="ID")
    again.add_argument(
        "--alike", action="store_true", help="and all open ones of the same queue, reason and step"
    )
    enough = noun.add("give-up", give_up)
    enough.add_argument("id", type=int, metavar="ID")
    add_yes(enough)


async def list_letters(session: Session, options: Options) -> None:
    """List open dead letters, newest first."""
    letters = [
        letter
        for letter in await _all(session.shop, only_open=not options.all)
        if options.queue in (None, letter["queue"])
    ]
    numbers = await _numbers(session.shop, letters)
    for letter in letters:
        letter["order_number"] = numbers.get(letter["order_id"])
    if session.output.as_json:
        session.output.json(letters)
    elif not letters:
        session.output.say("There are no dead letters." if options.all else "None is open.")
    else:
        session.output.table(_HEAD, map(_summary, letters))


async def show(session: Session, options: Options) -> None:
    """Show one: its cause, every failure, its order and its message."""
    letter = await _find(session.shop, options.id)
    numbers = await _numbers(session.shop, [letter])
    letter["order_number"] = numbers.get(letter["order_id"])
    if session.output.as_json:
        session.output.json(letter)
        return
    session.output.facts(_facts(letter))
    if letter["history"]:
        failures = (
            (local_time(one["at"]), one["outcome"], one["error"]) for one in letter["history"]
        )
        session.output.say("")
        session.output.table(("failed", "outcome", "error"), failures)


async def retry(session: Session, options: Options) -> None:
    """Try again, with new counters and the same idempotency key."""
    if options.alike:
        many = await session.shop.call("retry_dead_letters_like", dead_letter_id=options.id)
        _tell(session, {"retried": many}, f"{many} dead letters are tried again.")
    else:
        said = await session.shop.call("retry_dead_letter", dead_letter_id=options.id)
        _tell(session, {"resolution": said}, f"Dead letter {options.id} is tried again.")


async def give_up(session: Session, options: Options) -> None:
    """Try no more, and turn its order back: the money goes back, the stock is free."""
    letter = await _find(session.shop, options.id)
    if letter["resolution"] is None:
        confirm(f"{_consequence(letter)} Go on?", options)
    said = await session.shop.call("give_up_dead_letter", dead_letter_id=options.id)
    _tell(session, {"resolution": said}, f"Dead letter {options.id} is given up.")


def _consequence(letter: Row) -> str:
    step = _step(letter)
    if step == "charge":
        return "The order is cancelled: it is made sure that no money is taken, or it goes back."
    if step == "ship":
        return "The order ends as shipping_failed: its money goes back, then its stock is free."
    if step:
        return f"The step {step} is about money, and the shop will refuse."
    if letter["email_id"]:
        return "The mail is never sent."
    return "The message is dropped; nothing else changes."


def _step(letter: Row) -> str | None:
    """Of `order-<order id>-<step>-<revision>`."""
    key = letter["step_key"]
    return str(key).rsplit("-", 2)[1] if key else None


def _tell(session: Session, document: Row, text: str) -> None:
    if session.output.as_json:
        session.output.json(document)
    else:
        session.output.say(text)


def _summary(letter: Row) -> tuple[object, ...]:
    return (
        letter["id"],
        local_time(letter["created_at"]),
        letter["queue"],
        letter["reason"],
        letter["attempts"],
        letter["order_number"],
        letter["cause"],
        letter["resolution"] or "open",
    )


def _facts(letter: Row) -> dict[str, object]:
    return {
        "Dead letter": letter["id"],
        "Since": local_time(letter["created_at"]),
        "Queue": letter["queue"],
        "Reason": letter["reason"],
        "Cause": letter["cause"],
        "Attempts": letter["attempts"],
        "Order": letter["order_number"],
        "Order ID": letter["order_id"],
        "Step": _step(letter),
        "Key": letter["step_key"],
        "Mail": letter["email_id"],
        "Message": details(letter["message"]),
        "Resolution": letter["resolution"] or "open",
        "Resolved": local_time(letter["resolved_at"]),
        "By": letter["resolved_by"],
    }


async def _find(shop: Shop, wanted: int) -> Row:
    found: list[Row] = await shop.call(
        "dead_letters", only_open=False, before=wanted + 1, max_rows=1
    )
    if not found or found[0]["id"] != wanted:
        raise RefusedError(f"There is no dead letter {wanted}.", "dead_letter_not_found")
    return found[0]


async def _all(shop: Shop, *, only_open: bool) -> list[Row]:
    letters: list[Row] = []
    before = None
    while True:
        page = await shop.call("dead_letters", only_open=only_open, before=before, max_rows=_PAGE)
        letters += page
        if len(page) < _PAGE:
            return letters
        before = page[-1]["id"]


async def _numbers(shop: Shop, letters: list[Row]) -> dict[str, int]:
    """Numbers of their orders, by id."""
    ids = sorted({letter["order_id"] for letter in letters if letter["order_id"]})
    rows = await shop.engine("order_progress", {"order_ids": ids}) if ids else []
    return {row["order_id"]: row["number"] for row in rows}
