"""Many simulations, on all cores of this machine or on a Dask cluster. Results come back in the order of the items."""

import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNKS_PER_WORKER = 4  # small enough that the last one does not keep all others waiting
PATIENCE = 10.0  # seconds, for a scheduler to answer
Advance = Callable[[int], None]


class NoCluster(Exception):
    """The scheduler cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Where the work is done. `scheduler` is a Dask address; without it `processes` of this machine."""

    processes: int = 1
    scheduler: str | None = None

    def map(
        self,
        work: Callable[[Shared, Sequence[Item]], list[Result]],
        shared: Shared,
        items: Sequence[Item],
        advance: Advance = lambda done: None,
    ) -> list[Result]:
        """`work(shared, part of the items)` for all parts. `advance` is told how many items are done.

        `work` is a function of a module, and everything can be pickled: it may run in another process or machine.
        """
        with _executor(self, len(items)) as (submit, workers):
            size = max(1, -(-len(items) // (workers * CHUNKS_PER_WORKER)))
            parts = [items[at : at + size] for at in range(0, len(items), size)]
            done: list[Result] = []
            for part, result in zip(parts, submit(work, shared, parts), strict=True):
                done += result
                advance(len(part))
            return done


def all_cores() -> Workers:
    return Workers(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


# Takes the function, what it shares and the parts; yields the results as they come, in order.
_Submit = Callable[[Callable[[Any, Any], Any], Any, Sequence[Any]], Iterator[Any]]


@contextmanager
def _executor(workers: Workers, items: int) -> Iterator[tuple[_Submit, int]]:
    if workers.scheduler is not None:
        with _cluster(workers.scheduler) as cluster:
            yield cluster
    elif workers.processes == 1 or items < 2:
        yield (lambda work, shared, parts: (work(shared, part) for part in parts)), 1
    else:
        # Not fork: this process may have threads. Fresh ones also cannot depend on anything it happens to hold.
        # Left early, as by Ctrl-C, the pool ends its processes in the midst of their work.
        with get_context("spawn").Pool(min(workers.processes, items), _leave_signals_to_the_parent) as pool:
            yield (lambda work, shared, parts: pool.imap(partial(work, shared), parts)), workers.processes


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _cluster(address: str) -> Iterator[tuple[_Submit, int]]:
    try:
        from distributed import Client, KilledWorker
        from distributed.comm.addressing import get_address_host_port
    except ImportError:
        raise NoCluster("--scheduler needs the extra: pip install 'secondsource[dask]'") from None
    try:
        # Dask would knock on a closed port until its patience ends.
        socket.create_connection(get_address_host_port(address), PATIENCE).close()
        client: Any = Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, OverflowError) as error:
        raise NoCluster(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise NoCluster(f"the Dask scheduler at {address} has no workers")

        def submit(work: Callable[[Any, Any], Any], shared: Any, parts: Sequence[Any]) -> Iterator[Any]:
            spread = client.scatter(shared, broadcast=True)
            futures = [client.submit(work, spread, part, pure=False) for part in parts]
            return (future.result() for future in futures)

        try:
            yield submit, workers
        except (OSError, KilledWorker, CancelledError) as error:
            raise NoCluster(f"the Dask cluster at {address} has lost work: {error}") from None
