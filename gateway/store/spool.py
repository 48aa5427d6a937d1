"""Decisions on disk while the ledger cannot take them: a queue of JSON-lines files.

Each process writes a file of its own and keeps it locked as long as it lives. A file whose lock is free is an
orphan: whoever starts next takes it over, replays it and deletes it. Nobody writes behind a torn last line.
"""

import os
import secrets
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from gateway.core.decision import Decision
from gateway.store.codec import from_line, to_line
from gateway.store.spoolfile import SpoolFile


class Spool:
    """First in, first out. Its files are `<name>.spool.<pid>-<random>.jsonl` in `directory`; lines that are whole
    but no decision are set aside in `<name>.spool.unreadable`. Blocking and thread-safe.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._files: deque[SpoolFile] = deque()
        self._own: SpoolFile | None = None
        self._peeked: list[bytes] = []
        self._left = 0
        self._lock = Lock()

    @property
    def pending(self) -> bool:
        return bool(self._files)

    @property
    def count(self) -> int:
        """Decisions on the disk that are not replayed yet; after `close`, those that wait for the next start."""
        return self._left + sum(file.lines for file in tuple(self._files))

    def adopt(self) -> None:
        """Takes over what processes that are gone have left, the oldest file first.

        Raises `OSError` when a file cannot be had, after it has taken the others.
        """
        with self._lock:
            orphans, failed = self._orphans()
            self._files.extendleft(reversed(orphans))
        if failed:
            raise failed[0]

    def append(self, decisions: Sequence[Decision]) -> None:
        """All or none. Raises `OSError`."""
        lines = [to_line(decision) for decision in decisions]
        with self._lock:
            if self._own is None:
                self._own = self._create()
                self._files.append(self._own)
            self._own.append(lines)

    def peek(self, limit: int) -> list[Decision]:
        """The oldest of what is pending, at most `limit`; none where lines are torn. Raises `OSError`."""
        with self._lock:
            self._peeked = self._files[0].peek(limit)
        return [decision for line in self._peeked if (decision := from_line(line))]

    def drop(self) -> None:
        """What `peek` gave last is done with; a file that is done with is deleted. Raises `OSError`."""
        with self._lock:
            self._set_aside([line for line in self._peeked if line.endswith(b"\n") and not from_line(line)])
            head = self._files[0]
            head.advance(self._peeked)
            self._peeked = []
            if head.exhausted:
                head.delete()
                self._forget(head)

    def skip(self) -> None:
        """The oldest file cannot be read: it is left for the next start, and what is behind it need not wait."""
        with self._lock:
            self._leave(self._files[0])

    def close(self) -> None:
        """What is left is on the disk when this returns, and free for another process to take over."""
        with self._lock:
            while self._files:
                self._leave(self._files[0])

    def _leave(self, head: SpoolFile) -> None:
        head.delete() if head.exhausted else head.release()
        self._left += head.lines
        self._forget(head)

    def _forget(self, head: SpoolFile) -> None:
        self._files.popleft()
        if head is self._own:
            self._own = None

    def _create(self) -> SpoolFile:
        self._directory.mkdir(parents=True, exist_ok=True)
        while True:
            name = f"{self._name}.spool.{os.getpid()}-{secrets.token_hex(4)}.jsonl"
            if file := SpoolFile.create(self._directory / name):
                return file

    def _orphans(self) -> tuple[list[SpoolFile], list[OSError]]:
        orphans, failed = [], []
        for path in self._directory.glob(f"{self._name}.spool.*.jsonl"):
            try:
                if file := SpoolFile.take_over(path):
                    orphans.append(file)
            except OSError as error:
                failed.append(error)
        return sorted(orphans, key=lambda file: file.written_at), failed

    def _set_aside(self, lines: list[bytes]) -> None:
        if lines:
            with (self._directory / f"{self._name}.spool.unreadable").open("ab") as aside:
                aside.writelines(lines)
