"""One config file -> one snapshot, or everything that is wrong with it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.check import check
from gateway.config.compile import compile_config
from gateway.config.document import Document
from gateway.config.problem import Finding, Problem
from gateway.config.references import references
from gateway.config.schema import Config
from gateway.config.secret import Secrets
from gateway.config.source import read_source
from gateway.config.validate import validate
from gateway.core.model import Snapshot


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading a file. `snapshot` is None when any problem is an error.

    `revision` hashes the bytes and the resolved secrets, also of a file with errors; `secret_files` are those that
    the file refers to; `missing` are references without a value, where stand-ins were asked for.
    """

    snapshot: Snapshot | None
    problems: list[Problem]
    revision: str = ""
    secret_files: frozenset[Path] = frozenset()
    missing: frozenset[str] = frozenset()


def load(path: Path, environ: Mapping[str, str]) -> tuple[Snapshot | None, list[Problem]]:
    """The snapshot (None when any problem is an error) and all problems, in the order of the file."""
    loaded = read(path, environ)
    return loaded.snapshot, loaded.problems


def read(path: Path, environ: Mapping[str, str], *, stand_in: bool = False) -> Loaded:
    """As `load`, with what a watcher needs to know besides. `stand_in`: secrets that have no value here get one."""
    secrets = Secrets(environ, path.parent, stand_in=stand_in)
    document, content = read_source(path, secrets.expand)
    revision = "" if content is None else hashlib.sha256(content + secrets.digest).hexdigest()[:12]
    snapshot, findings = _build(document, revision)
    return Loaded(snapshot, document.problems(findings), revision, frozenset(secrets.files), frozenset(secrets.missing))


def _build(document: Document, revision: str) -> tuple[Snapshot | None, list[Finding]]:
    findings = list(document.findings)
    if document.data is None and findings:
        return None, findings
    config, shape = validate(document, Config)
    findings += shape
    findings += references(document)
    if config is None or findings:
        return None, findings
    snapshot = compile_config(config, revision)
    findings += check(config, snapshot)
    sound = all(finding.severity != "error" for finding in findings)
    return (snapshot if sound else None), findings
