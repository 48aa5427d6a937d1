import asyncio
import time

import pytest

from gateway.server.patience import Deadlines


async def nothing() -> str:
    return "at once"


async def forever() -> None:
    await asyncio.Event().wait()


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_what_comes_in_time() -> None:
    patience = Deadlines(asyncio.get_running_loop()).patience()
    assert await patience.wait(nothing(), now() + 10) == "at once"
    assert await patience.wait(asyncio.sleep(0.001, "soon"), now() + 10) == "soon"
    patience.close()


async def test_what_does_not() -> None:
    patience = Deadlines(asyncio.get_running_loop()).patience()
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await patience.wait(forever(), now() + 0.02)
        assert 0.015 < time.monotonic() - began < 1.0
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    patience.close()


async def test_a_later_wait_is_not_ended_by_an_earlier_deadline() -> None:
    patience = Deadlines(asyncio.get_running_loop()).patience()
    await patience.wait(nothing(), now() + 0.01)
    assert await patience.wait(asyncio.sleep(0.05, "later"), now() + 10) == "later"
    with pytest.raises(TimeoutError):
        await patience.wait(forever(), now() + 0.02)
    patience.close()


async def test_work_between_two_waits_is_not_disturbed() -> None:
    patience = Deadlines(asyncio.get_running_loop()).patience()
    await patience.wait(nothing(), now() + 0.01)
    await asyncio.sleep(0.03)
    patience.close()


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def waits() -> None:
        patience = Deadlines(asyncio.get_running_loop()).patience()
        try:
            await patience.wait(forever(), now() + 10)
        finally:
            patience.close()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_an_error_of_what_is_awaited_passes() -> None:
    async def fails() -> None:
        raise ValueError("mine")

    patience = Deadlines(asyncio.get_running_loop()).patience()
    with pytest.raises(ValueError, match="mine"):
        await patience.wait(fails(), now() + 10)
    patience.close()
