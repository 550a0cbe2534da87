"""The two accounts of the demo shop, created through Auth as any other would be."""

import aiohttp

from local_stack.environment import SHOPPER, STAFF
from local_stack.errors import StackError
from local_stack.settings import Settings


async def create(settings: Settings) -> None:
    """Create the accounts that are not there yet.

    Raises:
        StackError: Auth refused.
    """
    headers = {"apikey": settings.keys.secret_key}
    async with aiohttp.ClientSession(headers=headers) as session:
        for email, role in ((SHOPPER, None), (STAFF, "staff")):
            account = {
                "email": email,
                "password": settings.keys.demo_password,
                "email_confirm": True,
                "app_metadata": {"role": role} if role else {},
            }
            url = f"{settings.api_url}/auth/v1/admin/users"
            async with session.post(url, json=account) as answer:
                known = answer.headers.get("x-sb-error-code") == "email_exists"
                if not answer.ok and not known:
                    raise StackError(f"Auth refused {email}: {await answer.text()}")
