"""Runs the effects of steps: within their time-out, tried again, past no open circuit breaker."""

import asyncio
from collections.abc import Awaitable, Callable

from functions.kit.breaker import Breaker, BreakerOpen
from functions.kit.queue import Job, Outcome
from functions.orders.saga import Providers, Saga, Step

Sleep = Callable[[float], Awaitable[None]]


class Engine:
    """One saga over its providers."""

    def __init__(self, saga: Saga, providers: Providers, sleep: Sleep = asyncio.sleep) -> None:
        self._steps = {step.name: step for step in saga.steps}
        self._providers = providers
        self._sleep = sleep
        services = {step.service for step in saga.steps}
        self._breakers = {name: Breaker(name, trouble=(TimeoutError,)) for name in services}

    async def perform(self, job: Job) -> Outcome:
        """Bring the job's step to an outcome; see `Payments` and `Carrier` for what it holds."""
        step = self._steps[job["step"]]
        attempts = 0

        async def attempt() -> Outcome:
            nonlocal attempts
            attempts += 1
            # Only the very first attempt is sure that nobody has tried before.
            return await self._attempt(step, job | {"starts": job["starts"] + attempts - 1})

        def again(outcome: Outcome) -> bool:
            return outcome.status == "retry" and outcome.trouble

        return await step.retry.run(attempt, again, sleep=self._sleep)

    async def _attempt(self, step: Step, job: Job) -> Outcome:
        try:
            with self._breakers[step.service].call() as call:
                async with asyncio.timeout(step.timeout):
                    outcome = await step.effect(self._providers, job)
                if outcome.trouble:
                    call.failed()
                return outcome
        except BreakerOpen as error:
            return Outcome.postponed(str(error), max(1.0, error.remaining))
        except TimeoutError:
            return Outcome.retry(f"{step.name} took longer than {step.timeout} s", trouble=True)
