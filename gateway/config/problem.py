"""What is wrong with a config file, as values: found by path, located in the file, shown to the operator."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Path = tuple[str | int, ...]
Severity = Literal["error", "warning", "info"]

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_LISTED = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one place of the config, not located yet. `on_key`: the key is meant, not its value.

    `position` (line, column; from 1) where the finder knows better than the path does.
    """

    severity: Severity
    at: Path
    message: str
    hint: str = ""
    on_key: bool = False
    position: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A located finding. `line` and `column` count from 1; 0 where there is no file to point into.

    Neither text ever holds a secret's value.
    """

    severity: Severity
    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        subject = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}: {self.severity}: {subject}{self.message}{hint}"


def show_path(path: Path) -> str:
    """`routes.chat.tiers[0][1]`; a name with other characters stands in brackets."""
    return "".join(_step(part) for part in path).removeprefix(".")


def suggest(word: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, or the names there are."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    more = ", ..." if len(names) > _LISTED else ""
    return f"known: {', '.join(names[:_LISTED])}{more}" if names else "none is defined"


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN.fullmatch(part) else f"[{part!r}]"
