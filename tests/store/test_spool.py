from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.decision import Decision
from gateway.store.codec import to_line
from gateway.store.spool import Spool

from .samples import several


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    it = Spool(tmp_path, "ledger.db")
    yield it
    it.close()


def drained(spool: Spool, portion: int = 2) -> list[Decision]:
    found = []
    while spool.pending:
        found += spool.peek(portion)
        spool.drop()
    return found


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.jsonl"))


def test_first_in_first_out_and_nothing_stays(spool: Spool, tmp_path: Path) -> None:
    spool.append(several(3))
    spool.append(several(2, start=3))
    assert (spool.count, len(files(tmp_path))) == (5, 1)
    assert drained(spool) == several(5)
    assert (spool.count, files(tmp_path)) == (0, [])
    spool.append(several(1, start=5))
    assert drained(spool) == several(1, start=5)


def test_what_is_left_at_close_is_found_at_the_next_start(spool: Spool, tmp_path: Path) -> None:
    spool.append(several(4))
    assert spool.peek(1) == several(1)
    spool.drop()
    spool.close()
    heir = Spool(tmp_path, "ledger.db")
    heir.adopt()
    heir.append(several(2, start=4))
    assert (heir.count, drained(heir)) == (6, several(6)), "what was replayed but not deleted comes again"


def test_close_leaves_no_empty_file(spool: Spool, tmp_path: Path) -> None:
    spool.append([])
    spool.close()
    assert files(tmp_path) == []


def test_the_living_are_not_robbed_and_orphans_go_to_one(spool: Spool, tmp_path: Path) -> None:
    spool.append(several(2))
    second, third = Spool(tmp_path, "ledger.db"), Spool(tmp_path, "ledger.db")
    second.adopt()
    assert not second.pending
    spool.close()
    second.adopt()
    third.adopt()
    assert (second.count, third.count) == (2, 0)
    assert drained(second) == several(2)


def test_orphans_come_oldest_first_and_before_our_own(spool: Spool, tmp_path: Path) -> None:
    for start in (0, 2):
        dead = Spool(tmp_path, "ledger.db")
        dead.append(several(2, start))
        dead.close()
    spool.append(several(2, start=4))
    spool.adopt()
    assert drained(spool) == several(6)


def test_other_ledgers_spools_are_not_ours(spool: Spool, tmp_path: Path) -> None:
    other = Spool(tmp_path, "audit.db")
    other.append(several(1))
    other.close()
    spool.adopt()
    assert not spool.pending


def test_a_torn_last_line_is_passed_over(spool: Spool, tmp_path: Path) -> None:
    lines = [to_line(decision) for decision in several(3)]
    (tmp_path / "ledger.db.spool.1-ab.jsonl").write_bytes(b"".join(lines)[:-20])
    spool.adopt()
    assert drained(spool) == several(2)
    assert list(tmp_path.iterdir()) == []


def test_a_whole_line_that_is_no_decision_is_kept_for_a_human(spool: Spool, tmp_path: Path) -> None:
    first, second = (to_line(decision) for decision in several(2))
    (tmp_path / "ledger.db.spool.1-ab.jsonl").write_bytes(first + b'{"some": "thing"}\n\xff\n' + second)
    spool.adopt()
    assert drained(spool) == several(2)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db.spool.unreadable"]
    assert (tmp_path / "ledger.db.spool.unreadable").read_bytes() == b'{"some": "thing"}\n\xff\n'


def test_a_file_that_vanished_can_be_skipped(spool: Spool, tmp_path: Path) -> None:
    spool.append(several(2))
    files(tmp_path)[0].unlink()
    with pytest.raises(FileNotFoundError):
        spool.peek(9)
    spool.skip()
    spool.append(several(1, start=2))
    assert drained(spool) == several(1, start=2)


def test_one_orphan_that_cannot_be_had_does_not_hide_the_others(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "ledger.db.spool.1-ab.jsonl").mkdir()
    dead = Spool(tmp_path, "ledger.db")
    dead.append(several(2))
    dead.close()
    with pytest.raises(IsADirectoryError):
        spool.adopt()
    assert drained(spool) == several(2)


def test_a_directory_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Spool(tmp_path / "file", "ledger.db").append(several(1))
