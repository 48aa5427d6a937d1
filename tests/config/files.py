"""Config files for the tests: a sound one, and ways to break it."""

from collections.abc import Mapping
from pathlib import Path

from gateway.config.load import load
from gateway.config.problem import Problem
from gateway.core.model import Snapshot

SOUND = """\
version: 1
vendors:
  acme: {jurisdiction: US}
  umbra: {jurisdiction: EU}
deployments:
  one:
    vendor: acme
    base_url: https://api.acme.example/v1
    model: acme-large
    capabilities: {context: 100000}
    price: {input: 1, output: 2}
  two:
    vendor: umbra
    base_url: https://api.umbra.example/v1
    model: umbra-large
    capabilities: {context: 100000}
    price: {input: 1, output: 2}
routes:
  chat:
    tiers: [[one], [two]]
workflows:
  support:
    owner: support@example.com
    routes: [chat]
keys:
  - id: support-prod
    sha256: abababababababababababababababababababababababababababababababab
    workflow: support
"""


def edit(*changes: tuple[str, str], text: str = SOUND) -> str:
    """The sound file with each old text replaced by the new one; a change that hits nothing is a mistake."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def load_text(
    directory: Path, text: str | bytes, environ: Mapping[str, str] | None = None
) -> tuple[Snapshot | None, list[Problem]]:
    path = directory / "gateway.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(path, environ or {})


def load_sound(directory: Path, text: str, environ: Mapping[str, str] | None = None) -> Snapshot:
    snapshot, problems = load_text(directory, text, environ)
    assert snapshot is not None, [str(problem) for problem in problems]
    return snapshot


def said(problems: list[Problem]) -> list[str]:
    """`line:column severity path: message; hint`, without the file's name."""
    return [str(problem).partition("gateway.yaml:")[2] for problem in problems]
