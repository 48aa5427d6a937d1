from pathlib import Path

import pytest

from gateway.config.problem import Problem
from gateway.config.source import MAX_BYTES, read_source


def told(path: Path) -> tuple[list[str], bytes | None]:
    document, content = read_source(path, str)
    return [str(problem).replace(str(path), "f") for problem in document.problems(document.findings)], content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "f:1:1: error: the file is empty"),
        (b"a: 1\nb: \xff\n", "f:2:4: error: not UTF-8 text"),
        (b"\x00\x01", "f:1:1: error: a control character; remove it"),
        (b"#" * (MAX_BYTES + 1), "f: error: larger than 4 MB"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "f").write_bytes(content)
    assert told(tmp_path / "f")[0] == [message]


def test_without_text_there_are_no_bytes(tmp_path: Path) -> None:
    assert told(tmp_path / "nope") == (["f: error: cannot be read: No such file or directory"], None)
    assert told(tmp_path) == (["f: error: cannot be read: Is a directory"], None)


def test_texts_are_expanded_and_the_bytes_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbfa: b\n")
    document, content = read_source(path, str.upper)
    assert (document.data, content) == ({"a": "B"}, path.read_bytes())
    assert document.problems(()) == list[Problem]()
