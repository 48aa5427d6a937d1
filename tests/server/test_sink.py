import os
from pathlib import Path

from gateway.server.sink import BOUND, Sink


def test_lines_arrive_in_order_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as out:
        sink = Sink(out)
        for number in range(1000):
            sink.write(b"%d\n" % number)
        sink.close()
    assert path.read_bytes().split() == [b"%d" % number for number in range(1000)]
    assert sink.lost == 0


def test_a_reader_that_stands_still_holds_up_nobody() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as out, os.fdopen(reading, "rb") as reader:
        sink = Sink(out)
        line = b"x" * 1000 + b"\n"
        for _ in range(BOUND * 2):
            sink.write(line)
        assert sink.lost > 0
        reader.close()  # the pipe breaks: what was on its way is counted as lost
        sink.close()
    assert sink.lost >= BOUND


def test_a_full_disk_is_counted_and_nothing_is_raised() -> None:
    with open("/dev/full", "wb", buffering=0) as out:
        sink = Sink(out)
        sink.write(b"one\n")
        sink.close()
    assert sink.lost == 1
