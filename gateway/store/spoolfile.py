"""One file of the spool: whole lines, appended by one process, read from the front, locked while it is held."""

import fcntl
import os
from contextlib import suppress
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Self

_CHUNK = 1 << 20  # bytes


class SpoolFile:
    """`lines`: how many are not read off yet. Blocking; not thread-safe."""

    def __init__(self, path: Path, raw: FileIO) -> None:
        self.path = path
        self.lines = 0
        self._raw = raw
        self._start = 0
        self._end = 0

    @classmethod
    def create(cls, path: Path) -> Self | None:
        """None when the name is taken, or another process took the file before it was locked. Raises `OSError`."""
        try:
            raw = FileIO(path, "x+")
        except FileExistsError:
            return None
        return cls(path, raw) if _lock(raw) else None

    @classmethod
    def take_over(cls, path: Path) -> Self | None:
        """None when the process that writes it still lives, or another was quicker. Raises `OSError`."""
        try:
            raw = FileIO(path, "r+")
        except FileNotFoundError:
            return None
        if not _lock(raw):
            return None
        file = cls(path, raw)
        while chunk := raw.read(_CHUNK):
            file.lines += chunk.count(b"\n")
            file._end += len(chunk)
        return file

    def append(self, lines: list[bytes]) -> None:
        """All or none, so that no torn line stands before a whole one. Raises `OSError`."""
        data = memoryview(b"".join(lines))
        whole = len(data)
        self._raw.seek(self._end)
        try:
            while data:
                data = data[self._raw.write(data) :]
        except OSError:
            with suppress(OSError):
                self._raw.truncate(self._end)
            raise
        self._end += whole
        self.lines += len(lines)

    def peek(self, limit: int) -> list[bytes]:
        """At most `limit` lines; the last one of a process that was killed may be torn. Raises `OSError`."""
        with self.path.open("rb") as reader:
            reader.seek(self._start)
            return list(islice(reader, limit))

    def advance(self, lines: list[bytes]) -> None:
        """These, which `peek` gave, are done with."""
        self._start += sum(map(len, lines))
        self.lines -= sum(line.endswith(b"\n") for line in lines)

    @property
    def written_at(self) -> float:
        """Unix seconds."""
        return os.fstat(self._raw.fileno()).st_mtime

    @property
    def exhausted(self) -> bool:
        return self._start >= self._end

    def delete(self) -> None:
        with suppress(OSError):
            self.path.unlink()
        self._raw.close()

    def release(self) -> None:
        """Safe on the disk, and free to be taken over."""
        with suppress(OSError):
            os.fsync(self._raw.fileno())
        self._raw.close()


def _lock(raw: FileIO) -> bool:
    """Closes what it cannot lock. A file that was deleted while we opened it belongs to nobody."""
    try:
        fcntl.flock(raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raw.close()
        return False
    if os.fstat(raw.fileno()).st_nlink == 0:
        raw.close()
        return False
    return True
