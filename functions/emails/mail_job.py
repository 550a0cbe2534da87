"""What becomes of a claimed mail."""

from email.headerregistry import Address

from functions.emails.address import UnusableAddress, parse_address
from functions.emails.message import compose
from functions.emails.render import Renderer, Unrenderable
from functions.emails.send import Mailer
from functions.kit.queue import Job, Outcome


async def mail(renderer: Renderer, sender: Address, mailer: Mailer, job: Job) -> Outcome:
    """Send it, if it is claimed and not only known."""
    if job["status"] != "claimed":
        return Outcome("settled")
    try:
        recipient = parse_address(job["recipient"])
        message = compose(renderer.render(job), sender, recipient, job["email_id"])
    except UnusableAddress as error:
        return Outcome("failed", {"bounced": True}, str(error))
    except Unrenderable as error:
        return Outcome("broken", error=str(error))
    return await mailer.send(message, recipient)
