"""The upstream, in a process of its own: two emulated vendors that answer at once, and one that streams at a pace.

`python -m bench.vendor AT_ONCE SPARE PACED CONTROL` (ports). The paced one writes each event by itself, so that a
gateway gets them as it gets them from a real vendor: one read, one event.
"""

import asyncio
import signal
import sys

import uvloop

from gateway.emulator.run import serve
from gateway.emulator.settings import Pacing, VendorSettings

TOKENS_PER_SECOND = 100


async def _run(at_once: int, spare: int, paced: int, control: int) -> None:
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    pacing = Pacing(tokens_per_second=TOKENS_PER_SECOND, jitter=0.2)
    vendors = (
        VendorSettings("at-once", port=at_once),
        VendorSettings("spare", port=spare),
        VendorSettings("paced", port=paced, pacing=pacing),
    )
    await serve(vendors, "127.0.0.1", control, stop=stop)


if __name__ == "__main__":
    uvloop.run(_run(*map(int, sys.argv[1:])))
