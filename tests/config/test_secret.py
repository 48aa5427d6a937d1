from pathlib import Path

import pytest

from gateway.config.secret import MAX_SECRET_BYTES, Secrets, Unresolved


def test_references_are_replaced_anywhere_in_a_text(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    secrets = Secrets({"A": "x", "B_2": "${A}"}, tmp_path)
    assert secrets.expand("no reference, $A, {A}, $$A") == "no reference, $A, {A}, $$A"
    assert secrets.expand("<${A}|${file:token}|${B_2}|$${A}>") == "<x|from-file|${A}|${A}>"
    assert secrets.files == {tmp_path / "token"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${NOPE}", "environment variable NOPE is not set"),
        ("${EMPTY}", "environment variable EMPTY is empty"),
        ("${file:nope}", "secret file nope cannot be read: No such file or directory"),
        ("${file:.}", "secret file . cannot be read: not a file"),
        ("${file:empty}", "secret file empty is empty"),
        ("${file:binary}", "secret file binary is not UTF-8 text"),
        ("${file:large}", f"secret file large cannot be read: larger than {MAX_SECRET_BYTES} bytes"),
    ],
)
def test_a_reference_without_a_value_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    with pytest.raises(Unresolved) as refusal:
        Secrets({"EMPTY": ""}, tmp_path).expand(text)
    assert str(refusal.value) == message


@pytest.mark.parametrize("text", ["${}", "${sk-live-1234}", "${A", "${A:-default}", "${ A }", "${env:A}"])
def test_a_malformed_reference_is_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(Unresolved, match="a reference is written") as refusal:
        Secrets({"A": "x"}, tmp_path).expand(text)
    assert text not in str(refusal.value)


def test_the_digest_follows_the_values_and_their_order(tmp_path: Path) -> None:
    def digest(text: str, a: str, b: str) -> bytes:
        secrets = Secrets({"A": a, "B": b}, tmp_path)
        secrets.expand(text)
        return secrets.digest

    assert digest("${A}${B}", "1", "2") == digest("${A}-${B}", "1", "2")
    assert digest("${A}${B}", "1", "2") != digest("${A}${B}", "2", "1")
    assert digest("${A}${B}", "12", "3") != digest("${A}${B}", "1", "23")
