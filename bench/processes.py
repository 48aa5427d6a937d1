"""Child processes: started, pinned to a core, watched and ended. Nothing is ended that was not started here."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx2
import psutil

PATIENCE = 60.0
GRACE = 10.0
POLL = 0.05


class Cores(NamedTuple):
    """`subject` runs what is measured, `others` everything else; the same one where the machine has only one."""

    subject: set[int]
    others: set[int]


def cores() -> Cores:
    usable = sorted(os.sched_getaffinity(0))
    return Cores({usable[0]}, set(usable[1:]) or {usable[0]})


class DidNotStart(Exception):
    """The text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Child:
    process: subprocess.Popen[bytes]
    log: Path

    def cpu(self) -> float:
        """Seconds of CPU so far, user and system, all threads, living children included."""
        return sum(times.user + times.system for times in [process.cpu_times() for process in self._family()])

    def memory(self) -> int:
        """Resident bytes, living children included."""
        return sum(process.memory_info().rss for process in self._family())

    def kill(self) -> None:
        """At once, as a crash would: SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to what does not heed it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _family(self) -> list[psutil.Process]:
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]


@contextmanager
def running(
    command: Sequence[str], log: Path, *, on: set[int] | None = None, environ: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """The process until the block ends. `on`: the cores it may use. Its output goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environ or {})},
            start_new_session=True,  # Ctrl-C is ours to handle
        )
    child = Child(process, log)
    try:
        if on is not None:
            os.sched_setaffinity(process.pid, on)
        yield child
    finally:
        if process.poll() is None:
            child.stop()


def wait_for(url: str, child: Child, patience: float = PATIENCE) -> None:
    """Until `url` answers 200. Raises DidNotStart when the process ends or takes longer than `patience` seconds."""
    until = time.monotonic() + patience
    while time.monotonic() < until and child.process.poll() is None:
        with suppress(httpx2.TransportError):
            if httpx2.get(url, trust_env=False).status_code == 200:
                return
        time.sleep(POLL)
    raise DidNotStart(f"nothing answers on {url}; the end of {child.log}:\n{child.tail()}")


def free_ports(count: int) -> list[int]:
    """Ports on loopback that are free now, each another."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
