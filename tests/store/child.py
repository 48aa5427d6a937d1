"""What the durability tests run in processes of their own: `child.py WHAT DIRECTORY NAME COUNT`."""

import asyncio
import json
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path

from samples import decision, until  # type: ignore[import-not-found]

from gateway.store.spool import Spool
from gateway.store.sql import SqlLedger
from gateway.store.writer import LedgerWriter, WriterSettings, WriterStatus

FILE_SIZE_LIMIT = 1_500_000


def writer(directory: Path, settings: WriterSettings) -> LedgerWriter:
    return LedgerWriter(SqlLedger(f"sqlite:///{directory}/ledger.db"), Spool(directory, "ledger.db"), settings)


async def burst(directory: Path, name: str, count: int) -> None:
    """As fast as it goes, then a clean stop."""
    it = writer(directory, WriterSettings(interval=0.02))
    await it.start()
    for number in range(count):
        it.put(decision(number, name))
        if number % 50 == 0:
            await asyncio.sleep(0)
    await it.close(timeout=30)
    print(json.dumps(asdict(it.status)))


async def steady(directory: Path, name: str, count: int) -> None:
    """About one a millisecond until killed; says of each when it was put."""
    it = writer(directory, WriterSettings())
    await it.start()
    for number in range(count):
        it.put(decision(number, name))
        print(number, time.monotonic(), flush=True)
        await asyncio.sleep(0.001)


async def full(directory: Path, name: str, count: int) -> None:
    """The disk fills up while requests go on; then there is room again."""
    states: list[WriterStatus] = []
    settings = WriterSettings(interval=0.02, memory_limit=3000, recovery=0.1)
    it = LedgerWriter(
        SqlLedger(f"sqlite:///{directory}/ledger.db"), Spool(directory, "ledger.db"), settings, on_change=states.append
    )
    await it.start()
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE_LIMIT, unlimited[1]))
    for number in range(count):
        it.put(decision(number, name))
        if number % 100 == 0:
            await asyncio.sleep(0.005)
    await until(lambda: it.status.state == "degraded" and it.status.spooled > 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    await until(lambda: it.status.written == count)
    await it.close()
    print(json.dumps([asdict(status) for status in [*states, it.status]]))


if __name__ == "__main__":
    what, directory, name, count = sys.argv[1:]
    asyncio.run({"burst": burst, "steady": steady, "full": full}[what](Path(directory), name, int(count)))
