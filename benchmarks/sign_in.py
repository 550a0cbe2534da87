"""Password sign-ins against bcrypt alone: hashing should be all that limits them."""

import asyncio
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import aiohttp
import bcrypt

from benchmarks.report import Report, percentile
from benchmarks.stack import stack
from local_stack.environment import SHOPPER
from local_stack.settings import Settings

_SIGN_INS = 40
_IN_FLIGHT = 8
_ROUNDS = 3


def bcrypt_per_second(password: str) -> float:
    """Checks per second of the library on all cores."""
    secret = password.encode()
    known = bcrypt.hashpw(secret, bcrypt.gensalt(10))
    begun = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: bcrypt.checkpw(secret, known), range(_SIGN_INS)))
    return _SIGN_INS / (time.perf_counter() - begun)


async def sign_ins_per_second(settings: Settings) -> tuple[float, list[float]]:
    """Sign-ins per second, and how long a bystander's calls took meanwhile, in ms."""
    credentials = {"email": SHOPPER, "password": settings.keys.demo_password}
    url = f"{settings.api_url}/auth/v1"
    headers = {"apikey": settings.keys.publishable_key, "X-Request-Id": uuid.uuid4().hex}
    waits: list[float] = []
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as session:
        slots = asyncio.Semaphore(_IN_FLIGHT)

        async def sign_in() -> None:
            async with slots:
                path = f"{url}/token?grant_type=password"
                async with session.post(path, json=credentials) as answer:
                    await answer.read()

        async def bystander() -> None:
            while True:
                asked = time.perf_counter()
                async with session.get(f"{url}/health") as answer:
                    await answer.read()
                waits.append((time.perf_counter() - asked) * 1000)
                await asyncio.sleep(0.01)

        watching = asyncio.create_task(bystander())
        begun = time.perf_counter()
        await asyncio.gather(*(sign_in() for _ in range(_SIGN_INS)))
        seconds = time.perf_counter() - begun
        watching.cancel()
    return _SIGN_INS / seconds, waits


def main() -> None:
    """Measure on a stack of its own and print the table."""
    report = Report("Password sign-in")
    with stack() as started:
        settings = started.settings
        pairs, waits = [], []
        for _ in range(_ROUNDS):
            alone = bcrypt_per_second(settings.keys.demo_password)
            signed_in, waited = asyncio.run(sign_ins_per_second(settings))
            pairs.append((alone, signed_in))
            waits += waited
        report.add("bcrypt alone, cost 10, all cores", median(a for a, _ in pairs), "checks/s")
        report.add("sign-ins, 8 in flight", median(s for _, s in pairs), "sign-ins/s")
        report.add("sign-ins / bcrypt", median(s / a for a, s in pairs), "x", at_least=0.8)
        report.add("another call meanwhile, p50", percentile(waits, 50), "ms")
        report.add("another call meanwhile, p99", percentile(waits, 99), "ms")
    report.show()
