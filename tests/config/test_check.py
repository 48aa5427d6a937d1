from pathlib import Path

import pytest

from tests.config.files import SOUND, edit, load_text, said

KEYS = SOUND[SOUND.index("keys:") :]


def test_the_sound_file_gives_no_findings(tmp_path: Path) -> None:
    snapshot, problems = load_text(tmp_path, SOUND)
    assert snapshot is not None
    assert problems == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "    workflow: support\n",
            f"    workflow: support\n  - id: support-prod\n    sha256: {'cd' * 32}\n    workflow: support\n",
            "29:9: error: keys[1].id: the same id as keys[0]",
        ),
        (
            "    workflow: support\n",
            f"    workflow: support\n  - id: other\n    sha256: {'AB' * 32}\n    workflow: support\n",
            "30:13: error: keys[1].sha256: the same key as keys[0]",
        ),
        (
            "keys:",
            "breaker: {open: 10s, open_max: 5s}\nkeys:",
            "25:32: error: breaker.open_max: the longest pause (5s) is shorter than open (10s)",
        ),
    ],
)
def test_errors(tmp_path: Path, old: str, new: str, told: str) -> None:
    snapshot, problems = load_text(tmp_path, edit((old, new)))
    assert snapshot is None
    assert said(problems) == [told]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (KEYS, "", "1:1: info: no keys: the gateway will serve on loopback only"),
        ("  acme: {", "  zeta: {}\n  acme: {", "3:3: warning: vendors.zeta: unused: no deployment is the vendor's"),
        (
            "routes:\n",
            "  three: {vendor: acme, base_url: 'http://x/v1', model: m, price: {input: 1}}\nroutes:\n",
            "18:3: warning: deployments.three: unused: in no route",
        ),
        ("keys:", "  idle: {owner: x}\nkeys:", "25:3: warning: workflows.idle: unused: no key may call for it"),
        (
            "    price: {input: 1, output: 2}\n",
            "",
            "6:3: warning: deployments.one: price unknown; set price, or its costs count as 0",
        ),
        (
            "    price: {input: 1, output: 2}\n",
            "    price: {input: 1}\n    timeouts: {stall: 20s, total: 15s}\n",
            "12:23: warning: deployments.one.timeouts.stall: stall is longer than total (15s) and never takes effect",
        ),
        (
            "routes: [chat]",
            "allow: {jurisdictions: [US, EU, EUU]}",
            (
                "24:37: warning: workflows.support.allow.jurisdictions[2]: "
                "no deployment has this jurisdiction; did you mean 'EU'?"
            ),
        ),
    ],
)
def test_warnings_leave_the_config_usable(tmp_path: Path, old: str, new: str, told: str) -> None:
    snapshot, problems = load_text(tmp_path, edit((old, new)))
    assert snapshot is not None
    assert said(problems) == [told]
