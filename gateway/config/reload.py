"""The config that is in force. Preparing a new one may fail, swapping cannot: a bad edit keeps the last good one."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path

from watchfiles import awatch

from gateway.config.load import Loaded, read
from gateway.config.problem import Problem
from gateway.core.model import Snapshot

OnSwap = Callable[[Snapshot, Snapshot], None]
OnFailure = Callable[[list[Problem]], None]
Stamp = frozenset[tuple[Path, tuple[int, ...]]]

DEBOUNCE_MS = 400  # an editor writes, renames and changes times in one go
STEP_MS = 50
POLL_MS = 30_000  # some network file systems send no events


class Live:
    """Holds the current snapshot. A request takes `snapshot` once and keeps it to its end.

    `loaded_at` is Unix time in seconds; `failures` counts refused files; `last_problems` are those of the newest
    file, refused or not. Listeners run after the swap and must not raise: `on_swap(old, new)`, `on_failure(problems)`.
    """

    def __init__(self, path: Path, environ: Mapping[str, str], loaded: Loaded) -> None:
        assert loaded.snapshot is not None, "there is no last good config to fall back on; see Live.start"
        self.snapshot = loaded.snapshot
        self.loaded_at = time.time()
        self.failures = 0
        self.last_problems = loaded.problems
        self.on_swap: list[OnSwap] = []
        self.on_failure: list[OnFailure] = []
        self._path = path
        self._environ = environ
        self._newest = loaded

    @classmethod
    def start(cls, path: Path, environ: Mapping[str, str]) -> tuple["Live | None", list[Problem]]:
        """The first load; None when the file has errors."""
        loaded = read(path, environ)
        return (cls(path, environ, loaded) if loaded.snapshot else None), loaded.problems

    @property
    def revision(self) -> str:
        return self.snapshot.revision

    @property
    def directories(self) -> frozenset[Path]:
        """Where the config and its secrets lie. A mounted volume swaps a link in the directory, not the file."""
        parents = {file.absolute().parent for file in self._files}
        return frozenset(parent for parent in parents if parent.is_dir())

    @property
    def stamp(self) -> Stamp:
        """Changes when one of the files does; asks the file system only, so that a busy directory costs nothing."""
        return frozenset((file, _file_stamp(file)) for file in self._files)

    @property
    def _files(self) -> frozenset[Path]:
        return self._newest.secret_files | {self._path}

    def reload(self) -> bool:
        """Read the file now. False when it is refused; the last good snapshot stays."""
        return self.adopt(self.prepare())

    def prepare(self) -> Loaded:
        """Read and compile the file. Changes nothing, so it may run in another thread."""
        return read(self._path, self._environ)

    def is_news(self, loaded: Loaded) -> bool:
        """Does the content differ from what was read last, good or not?"""
        return loaded.revision != self._newest.revision

    def adopt(self, loaded: Loaded) -> bool:
        """Swap to what was prepared. False when it has errors. The revision in force is not swapped for itself."""
        self._newest = loaded
        self.last_problems = loaded.problems
        if loaded.snapshot is None:
            self.failures += 1
            for failed in self.on_failure:
                failed(loaded.problems)
            return False
        if loaded.snapshot.revision != self.revision:
            self._swap(loaded.snapshot)
        return True

    def _swap(self, new: Snapshot) -> None:
        old, self.snapshot = self.snapshot, new
        self.loaded_at = time.time()
        for swapped in self.on_swap:
            swapped(old, new)


async def watch(live: Live, stop: asyncio.Event) -> None:
    """Reload whenever the content of the config or of its secret files changes, until `stop` is set."""
    stamp: Stamp | None = None
    while not stop.is_set():
        stamp = await _refresh(live, stamp)  # what changed before the watch begins sends no event
        directories = live.directories
        async with aclosing(_events(directories, stop)) as events:
            async for _ in events:
                stamp = await _refresh(live, stamp)
                if live.directories != directories:
                    break  # the file refers to secrets elsewhere now: watch there


async def reload(live: Live) -> None:
    """`live.reload`, with the reading off the event loop."""
    live.adopt(await asyncio.to_thread(live.prepare))


def _events(directories: frozenset[Path], stop: asyncio.Event) -> AsyncGenerator[object, None]:
    """Any event counts, whatever its name: the content decides. One comes every `POLL_MS` in any case."""
    return awatch(
        *directories,
        watch_filter=None,
        debounce=DEBOUNCE_MS,
        step=STEP_MS,
        stop_event=stop,
        rust_timeout=POLL_MS,
        yield_on_timeout=True,
        recursive=False,
    )


async def _refresh(live: Live, seen: Stamp | None) -> Stamp:
    """Reload if the content changed. Reading takes tens of milliseconds, so it stays off the event loop."""
    stamp = live.stamp
    if stamp != seen:
        loaded = await asyncio.to_thread(live.prepare)
        if live.is_news(loaded):
            live.adopt(loaded)
    return stamp


def _file_stamp(file: Path) -> tuple[int, ...]:
    try:
        status = file.stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
