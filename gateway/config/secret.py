"""`${NAME}` and `${file:/run/secrets/x}` in the text of the config. `$${` stands for `${` itself."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

MAX_SECRET_BYTES = 65_536

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Unresolved(ValueError):
    """A reference without a value. The text names the reference and never a value."""


class Secrets:
    """Resolves references against an environment and files; relative file names count from `base`.

    Remembers what was read: `files` for the watcher, the values only for `digest`. With `stand_in`, a reference that
    has no value here gets one that fits a credential or a hash, and is noted in `missing`: whoever only thinks about
    a config needs none of its secrets.
    """

    def __init__(self, environ: Mapping[str, str], base: Path, *, stand_in: bool = False) -> None:
        self.files: set[Path] = set()
        self.missing: set[str] = set()
        self._stand_in = stand_in
        self._environ = environ
        self._base = base
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> bytes:
        """Hash of all values so far, in the order of the file: a rotated secret is a new revision."""
        return self._digest.digest()

    def expand(self, text: str) -> str:
        """The text with every reference replaced, once; values are not expanded again.

        Raises:
            Unresolved: a reference is malformed or has no value.
        """
        return _REFERENCE.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        value = self._resolve(match[1], closed=bool(match[2]))
        self._digest.update(hashlib.sha256(value.encode(errors="surrogateescape")).digest())
        return value

    def _resolve(self, reference: str, *, closed: bool) -> str:
        if not closed or not (reference.startswith("file:") or _NAME.fullmatch(reference)):
            raise Unresolved("a reference is written ${NAME} or ${file:/path}, and a literal '${' is written '$${'")
        try:
            return self._value(reference)
        except Unresolved:
            if not self._stand_in:
                raise
            self.missing.add(reference)
            return hashlib.sha256(reference.encode()).hexdigest()

    def _value(self, reference: str) -> str:
        if reference.startswith("file:"):
            return self._from_file(reference.removeprefix("file:"))
        return self._from_environment(reference)

    def _from_environment(self, name: str) -> str:
        value = self._environ.get(name)
        if value is None:
            raise Unresolved(f"environment variable {name} is not set")
        if not value:
            raise Unresolved(f"environment variable {name} is empty")
        return value

    def _from_file(self, name: str) -> str:
        path = self._base / name
        self.files.add(path)
        try:
            content = _read_secret(path)
        except OSError as error:
            raise Unresolved(f"secret file {name} cannot be read: {error.strerror or 'not a file'}") from error
        except UnicodeDecodeError as error:
            raise Unresolved(f"secret file {name} is not UTF-8 text") from error
        if not content:
            raise Unresolved(f"secret file {name} is empty")
        return content


def _read_secret(path: Path) -> str:
    """The file's text without the line end that editors add."""
    if path.exists() and not path.is_file():
        raise OSError  # opening a pipe would wait for its writer
    with path.open("rb") as file:
        content = file.read(MAX_SECRET_BYTES + 1)
    if len(content) > MAX_SECRET_BYTES:
        raise OSError(0, f"larger than {MAX_SECRET_BYTES} bytes")
    return content.decode().rstrip("\r\n")
