"""A file as a `Document`: bounded, UTF-8, parsed. Every kind of file is read like this."""

import codecs
from collections.abc import Callable
from pathlib import Path

from gateway.config.document import Document, Position
from gateway.config.parse import parse, position_of
from gateway.config.problem import Finding

MAX_BYTES = 4 * 1024 * 1024


def read_source(path: Path, expand: Callable[[str], str]) -> tuple[Document, bytes | None]:
    """The document and the bytes it was made from; None where there is no text to read, as its findings say.

    `expand` resolves the references in a text and may raise `Unresolved`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror}"), None
    if len(content) > MAX_BYTES:
        return _unreadable(path, f"larger than {MAX_BYTES // 1024 // 1024} MB"), None
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        good = content[: error.start].decode()
        return _unreadable(path, "not UTF-8 text", position_of(good, len(good))), None
    return parse(str(path), text, expand), content


def _unreadable(path: Path, message: str, position: Position = (0, 0)) -> Document:
    return Document(str(path), findings=(Finding("error", (), message, position=position),))
