"""Several workers: one process each on one shared listening socket, kept alive by their parent.

Each worker decides on its own health table and has its own admin port, so each is a scrape target of its own. The
parent holds no request and no state: it starts, restarts and stops. A worker's standard input is its lifeline: it is
never written to, and ends when the parent does, however that dies.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

RESTART_PAUSE = 1.0
POLL = 0.2


class Workers:
    """`command` is that of one worker; it gets `--worker I --data-fd N` behind it."""

    def __init__(self, command: Sequence[str], count: int, data_socket: socket.socket) -> None:
        self._command = command
        self._fd = data_socket.fileno()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._restart_at = dict.fromkeys(range(count), 0.0)
        self._stopping = False

    def run(self) -> int:
        """Until SIGTERM or SIGINT and the last worker's end. Returns the exit code."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: self._stop())
        signal.signal(signal.SIGHUP, lambda *_: self._tell(signal.SIGHUP))
        while not self._stopping or self._running:
            self._reap()
            if self._stopping:
                self._tell(signal.SIGTERM)  # again: one may have been starting when the first was sent
            else:
                self._start_missing()
            time.sleep(POLL)
        return 0

    def _start_missing(self) -> None:
        now = time.monotonic()
        for index, at in self._restart_at.items():
            if index not in self._running and now >= at:
                command = [*self._command, "--worker", str(index), "--data-fd", str(self._fd)]
                self._running[index] = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[self._fd])  # noqa: S603
                self._restart_at[index] = now + RESTART_PAUSE

    def _reap(self) -> None:
        for index, process in list(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[index]
                if not self._stopping:
                    sys.stderr.write(f"worker {index} ended with {code}; starting it again\n")

    def _stop(self) -> None:
        self._stopping = True
        self._tell(signal.SIGTERM)

    def _tell(self, signum: signal.Signals) -> None:
        for process in self._running.values():
            if process.poll() is None:
                os.kill(process.pid, signum)
