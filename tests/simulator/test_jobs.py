import socket
import sys
from collections.abc import Iterator, Sequence

import pytest
from distributed import LocalCluster

from gateway.simulator.jobs import CHUNKS_PER_WORKER, NoCluster, Workers, all_cores

ITEMS = list(range(23))
SQUARES = [7 * item * item for item in ITEMS]


def squares(factor: int, part: Sequence[int]) -> list[int]:
    return [factor * item * item for item in part]


def broken(factor: int, part: Sequence[int]) -> list[int]:
    raise ArithmeticError(f"no square of {part[0]}")


def cluster(workers: int) -> LocalCluster:
    # Threads of this process, but over a socket: as with machines elsewhere, all that travels is pickled.
    return LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=workers,
        threads_per_worker=1,
        processes=False,
        host="127.0.0.1",
        protocol="tcp://",
        dashboard_address="127.0.0.1:0",
    )


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with cluster(2) as running:
        yield running.scheduler_address


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(params=["one process", "two processes", "a cluster"])
def workers(request: pytest.FixtureRequest) -> Workers:
    if request.param == "a cluster":
        return Workers(scheduler=request.getfixturevalue("scheduler"))
    return Workers(processes=1 if request.param == "one process" else 2)


def test_the_results_are_the_same_and_in_order_wherever_they_come_from(workers: Workers) -> None:
    told: list[int] = []
    assert workers.map(squares, 7, ITEMS, told.append) == SQUARES
    assert sum(told) == len(ITEMS)


def test_of_nothing_comes_nothing(workers: Workers) -> None:
    assert workers.map(squares, 7, []) == []


def test_what_goes_wrong_there_is_raised_here(workers: Workers) -> None:
    with pytest.raises(ArithmeticError, match="no square of 0"):
        workers.map(broken, 7, ITEMS)


def test_one_process_hands_out_parts_small_enough_to_see_progress() -> None:
    told: list[int] = []
    Workers().map(squares, 1, list(range(8)), told.append)
    assert told == [2] * CHUNKS_PER_WORKER


def test_all_cores_is_one_at_least() -> None:
    assert all_cores().processes >= 1
    assert all_cores().scheduler is None


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "127.0.0.1:{port}"])
def test_no_scheduler_there(address: str) -> None:
    address = address.format(port=free_port())
    with pytest.raises(NoCluster, match=f"no Dask scheduler answers at {address}: .*refused"):
        Workers(scheduler=address).map(squares, 7, ITEMS)


@pytest.mark.parametrize("address", ["", "scheduler", "tcp://127.0.0.1", "smoke://signals:1", "127.0.0.1:99999"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(NoCluster, match="no Dask scheduler answers at"):
        Workers(scheduler=address).map(squares, 7, ITEMS)


def test_a_scheduler_without_workers() -> None:
    with cluster(0) as running, pytest.raises(NoCluster, match="has no workers"):
        Workers(scheduler=running.scheduler_address).map(squares, 7, ITEMS)


def test_without_dask_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NoCluster, match=r"pip install 'secondsource\[dask\]'"):
        Workers(scheduler="127.0.0.1:8786").map(squares, 7, ITEMS)
    assert Workers(processes=1).map(squares, 7, ITEMS) == SQUARES
