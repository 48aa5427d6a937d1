import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.spoolfile import SpoolFile


def created(path: Path) -> SpoolFile:
    file = SpoolFile.create(path)
    assert file
    return file


def taken_over(path: Path) -> SpoolFile:
    file = SpoolFile.take_over(path)
    assert file
    return file


def test_lines_come_back_in_order_and_in_portions(tmp_path: Path) -> None:
    file = created(tmp_path / "a")
    file.append([b"1\n", b"2\n"])
    file.append([b"3\n"])
    assert (file.lines, file.exhausted) == (3, False)
    assert file.peek(2) == file.peek(2) == [b"1\n", b"2\n"]
    file.advance([b"1\n", b"2\n"])
    file.append([b"4\n"])
    assert file.peek(9) == [b"3\n", b"4\n"]
    file.advance([b"3\n", b"4\n"])
    assert (file.lines, file.exhausted) == (0, True)
    file.delete()
    assert not (tmp_path / "a").exists()


def test_a_file_has_one_holder(tmp_path: Path) -> None:
    path = tmp_path / "a"
    file = created(path)
    file.append([b"1\n", b"2\n"])
    assert SpoolFile.create(path) is None
    assert SpoolFile.take_over(path) is None
    file.release()
    heir = taken_over(path)
    assert (heir.lines, heir.peek(9)) == (2, [b"1\n", b"2\n"])
    heir.release()


def test_a_file_that_is_gone_is_nobodys(tmp_path: Path) -> None:
    assert SpoolFile.take_over(tmp_path / "a") is None


def test_a_torn_last_line_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n2\n3 is to")
    file = taken_over(tmp_path / "a")
    assert file.lines == 2
    file.advance(file.peek(9))
    assert (file.lines, file.exhausted) == (0, True)
    file.delete()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a file size limit stands in for the full disk")
def test_what_does_not_fit_leaves_no_torn_line(tmp_path: Path) -> None:
    program = """if True:
        import resource, sys
        from pathlib import Path
        from gateway.store.spoolfile import SpoolFile
        file = SpoolFile.create(Path(sys.argv[1]))
        file.append([b"1\\n"])
        most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, most[1]))
        try:
            file.append([b"x" * 9000 + b"\\n"])
        except OSError as error:
            print(error.strerror)
        file.append([b"2\\n"])
        file.release()
    """
    run = subprocess.run([sys.executable, "-c", program, tmp_path / "a"], capture_output=True, text=True, check=True)
    assert run.stdout == "File too large\n"
    assert (tmp_path / "a").read_bytes() == b"1\n2\n"
