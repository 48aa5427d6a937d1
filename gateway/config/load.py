"""One config file -> one snapshot, or everything that is wrong with it."""

import codecs
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.check import check
from gateway.config.compile import compile_config
from gateway.config.document import Document
from gateway.config.parse import parse, position_of
from gateway.config.problem import Finding, Problem
from gateway.config.references import references
from gateway.config.secret import Secrets
from gateway.config.validate import validate
from gateway.core.model import Snapshot

MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading a file. `snapshot` is None when any problem is an error.

    `revision` hashes the bytes and the resolved secrets, also of a file with errors; `secret_files` are those that
    the file refers to.
    """

    snapshot: Snapshot | None
    problems: list[Problem]
    revision: str = ""
    secret_files: frozenset[Path] = frozenset()


def load(path: Path, environ: Mapping[str, str]) -> tuple[Snapshot | None, list[Problem]]:
    """The snapshot (None when any problem is an error) and all problems, in the order of the file."""
    loaded = read(path, environ)
    return loaded.snapshot, loaded.problems


def read(path: Path, environ: Mapping[str, str]) -> Loaded:
    """As `load`, with what a watcher needs to know besides."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror}")
    if len(content) > MAX_BYTES:
        return _unreadable(path, f"larger than {MAX_BYTES // 1024 // 1024} MB")
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        good = content[: error.start].decode()
        return _unreadable(path, "not UTF-8 text", position_of(good, len(good)))
    secrets = Secrets(environ, path.parent)
    document = parse(str(path), text, secrets.expand)
    revision = hashlib.sha256(content + secrets.digest).hexdigest()[:12]
    snapshot, findings = _build(document, revision)
    problems = sorted((document.locate(finding) for finding in findings), key=lambda p: (p.line, p.column))
    return Loaded(snapshot, problems, revision, frozenset(secrets.files))


def _build(document: Document, revision: str) -> tuple[Snapshot | None, list[Finding]]:
    findings = list(document.findings)
    if document.data is None and findings:
        return None, findings
    config, shape = validate(document)
    findings += shape
    findings += references(document)
    if config is None or findings:
        return None, findings
    snapshot = compile_config(config, revision)
    findings += check(config, snapshot)
    sound = all(finding.severity != "error" for finding in findings)
    return (snapshot if sound else None), findings


def _unreadable(path: Path, message: str, position: tuple[int, int] = (0, 0)) -> Loaded:
    return Loaded(None, [Problem("error", str(path), *position, "", message)])
