"""Where log lines go: through a thread, so that a full disk or a reader that stands still never holds up a request."""

import threading
from collections import deque
from typing import BinaryIO

INTERVAL = 0.1  # seconds a line may wait
BOUND = 20_000  # lines that wait at most; what comes beyond is dropped, and counted


class Sink:
    """A file-like object for `structlog.BytesLogger` and for whole lines. Nothing here raises or blocks.

    `lost` counts lines that could not be written. `close` gives what is left a moment.
    """

    def __init__(self, out: BinaryIO) -> None:
        self.lost = 0
        self._out = out
        self._lines: deque[bytes] = deque()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        if len(self._lines) < BOUND:
            self._lines.append(line)
        else:
            self.lost += 1

    def flush(self) -> None:
        """The thread does."""

    def close(self, timeout: float = 1.0) -> None:
        self._closing.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL):
            self._drain()
        self._drain()

    def _drain(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        try:
            self._out.write(b"".join(lines))
            self._out.flush()
        except (OSError, ValueError):  # ValueError: it is closed
            self.lost += len(lines)
