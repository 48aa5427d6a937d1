import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.config.problem import Problem
from gateway.config.reload import Live, watch
from gateway.core.model import Snapshot
from tests.config.files import SOUND, edit

OTHER = edit(("    tiers:", "    attempts: 5\n    tiers:"))
BROKEN = edit(("    tiers:", "    polcy: priority\n    tiers:"))
KEYED = edit(("    model: acme-large", "    api_key: ${file:secrets/token}\n    model: acme-large"))


def start(path: Path) -> Live:
    live, problems = Live.start(path, {})
    assert live is not None, problems
    return live


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(SOUND)
    return path


@asynccontextmanager
async def watching(live: Live) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch(live, stop))
        yield
        stop.set()


def put(path: Path, text: str) -> None:
    """Whole or not at all: a reader that meets a half-written file counts a failure, and rightly so."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    os.replace(new, path)


async def until(condition: Callable[[], bool], change: Callable[[], object]) -> None:
    """Makes the change, again and again: the watch may not have begun at the first."""
    async with asyncio.timeout(20):
        while not condition():
            change()
            await asyncio.sleep(0.05)


def test_a_start_needs_a_sound_file(path: Path) -> None:
    path.write_text(BROKEN)
    live, problems = Live.start(path, {})
    assert live is None
    assert [problem.path for problem in problems] == ["routes.chat.polcy"]


def test_a_good_edit_swaps_and_tells(path: Path) -> None:
    live, swaps = start(path), list[tuple[Snapshot, Snapshot]]()
    live.on_swap.append(lambda old, new: swaps.append((old, new)))
    before, loaded_at = live.snapshot, live.loaded_at
    path.write_text(OTHER)
    assert live.reload() is True
    assert swaps == [(before, live.snapshot)]
    assert live.snapshot.routes["chat"].attempts == 5
    assert live.revision == live.snapshot.revision != before.revision
    assert live.loaded_at >= loaded_at


def test_a_bad_edit_keeps_the_last_good_one(path: Path) -> None:
    live, failures = start(path), list[list[Problem]]()
    live.on_failure.append(failures.append)
    before = live.snapshot
    path.write_text(BROKEN)
    assert live.reload() is False
    assert live.snapshot is before
    assert (live.failures, [problem.path for problem in live.last_problems]) == (1, ["routes.chat.polcy"])
    assert failures == [live.last_problems]
    path.unlink()
    assert live.reload() is False
    assert (live.snapshot, live.failures) == (before, 2)
    path.write_text(SOUND)
    assert live.reload() is True
    assert (live.snapshot, live.last_problems) == (before, [])


def test_the_same_content_is_not_swapped_for_itself(path: Path) -> None:
    live, swaps = start(path), list[Snapshot]()
    live.on_swap.append(lambda _, new: swaps.append(new))
    before = live.snapshot
    assert live.reload() is True
    assert live.snapshot is before
    assert swaps == []


def test_only_other_content_is_news(path: Path) -> None:
    live = start(path)
    assert not live.is_news(live.prepare())
    path.write_text(BROKEN)
    broken = live.prepare()
    assert live.is_news(broken)
    live.adopt(broken)
    assert not live.is_news(live.prepare())


def test_the_stamp_follows_the_files_and_not_their_directory(path: Path) -> None:
    live = start(path)
    stamp = live.stamp
    (path.parent / "other").write_text("x")
    assert live.stamp == stamp
    put(path, SOUND)
    assert live.stamp != stamp
    path.unlink()
    assert live.stamp != stamp


async def test_the_watch_reloads_and_refuses(path: Path) -> None:
    live = start(path)
    async with watching(live):
        await until(lambda: live.snapshot.routes["chat"].attempts == 5, lambda: put(path, OTHER))
        await until(lambda: live.failures > 0, lambda: put(path, BROKEN))
        assert live.snapshot.routes["chat"].attempts == 5
        assert live.failures == 1
        await until(lambda: live.snapshot.routes["chat"].attempts == 3, lambda: put(path, SOUND))


async def test_an_edit_before_the_watch_begins_is_not_missed(path: Path) -> None:
    live = start(path)
    put(path, OTHER)
    async with watching(live):
        await until(lambda: live.snapshot.routes["chat"].attempts == 5, lambda: None)


async def test_the_watch_follows_a_mounted_volume_s_link(tmp_path: Path) -> None:
    """A volume has gateway.yaml -> ..data/gateway.yaml, and replaces the link ..data."""
    for name, text in (("v1", SOUND), ("v2", OTHER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gateway.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "gateway.yaml").symlink_to("..data/gateway.yaml")
    live = start(tmp_path / "gateway.yaml")

    def swap() -> None:
        (tmp_path / "..tmp").symlink_to("v2")
        os.replace(tmp_path / "..tmp", tmp_path / "..data")

    async with watching(live):
        await until(lambda: live.snapshot.routes["chat"].attempts == 5, swap)


async def test_the_watch_follows_secrets_in_their_own_directory(path: Path, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    token = tmp_path / "secrets" / "token"
    token.write_text("first\n")
    live = start(path)
    async with watching(live):
        await until(lambda: live.snapshot.deployments["one"].api_key == "first", lambda: put(path, KEYED))
        await until(lambda: live.snapshot.deployments["one"].api_key == "second", lambda: put(token, "second\n"))
        await until(lambda: live.failures > 0, lambda: token.unlink(missing_ok=True))
        assert live.snapshot.deployments["one"].api_key == "second"
        await until(lambda: live.snapshot.deployments["one"].api_key == "third", lambda: put(token, "third\n"))


async def test_readers_meet_only_whole_snapshots(path: Path) -> None:
    """Writers replace the file at any moment; whoever reads sees the old one or the new one."""
    live, seen = start(path), set[int]()
    texts = [edit(("    tiers:", f"    attempts: {attempts}\n    tiers:")) for attempts in range(2, 8)]

    async def replace(index: int, text: str) -> None:
        new = path.with_suffix(f".{index}")
        await asyncio.to_thread(new.write_text, text)
        await asyncio.to_thread(os.replace, new, path)
        live.adopt(await asyncio.to_thread(live.prepare))
        seen.add(live.snapshot.routes["chat"].attempts)

    await asyncio.gather(*(replace(index, text) for index, text in enumerate(texts)))
    assert live.failures == 0
    assert seen <= set(range(2, 8))
    assert seen
    assert live.reload()
    assert live.snapshot.routes["chat"].attempts in seen
