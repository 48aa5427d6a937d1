"""A small config with a scenario, as files: acme serves all there is, zenith stands in on one route of two."""

import json
from pathlib import Path
from typing import Any

WORKFLOWS: dict[str, Any] = {
    "support": {
        "owner": "support@example.com",
        "routes": ["chat"],
        "slo": {"success": "90%"},
        "value": {"usd_per_minute": 40},
    },
    "batch": {"owner": "batch@example.com", "routes": ["solo"], "slo": {"success": "90%"}},
}
OUTAGE: dict[str, Any] = {
    "version": 1,
    "title": "acme goes dark",
    "duration": "4m",
    "faults": [{"kind": "outage", "on": {"vendor": "acme"}, "start": "1m", "duration": "2m"}],
}
ELSEWHERE: dict[str, Any] = {
    **OUTAGE,
    "title": "Others go dark",
    "incident": {
        "date": "2026-01-02",
        "sources": ["https://status.example.com/1"],
        "facts": "They went dark.",
        "assumed": "For two minutes.",
        "verified": True,
    },
    "faults": [{"kind": "outage", "on": {"vendor": "elsewhere"}, "start": "1m", "duration": "2m"}],
}


def deployment(vendor: str) -> dict[str, Any]:
    place = {"base_url": "http://127.0.0.1:9/v1", "model": f"{vendor}-1", "maker": vendor}
    return {"vendor": vendor, "price": {"input": 1}, **place}


def write_world(folder: Path, per_minute: float) -> None:
    """Beside the config: each workflow sends that much."""
    traffic = {id_: {"per_minute": per_minute} for id_ in WORKFLOWS}
    (folder / "gateway.world.yaml").write_text(json.dumps({"version": 1, "traffic": traffic}))


def write_files(folder: Path, workflows: dict[str, Any] | None = None) -> Path:
    """The config's path. `dark.yaml` lies in `scenarios/`, `elsewhere.yaml` in `incidents/`."""
    config = {
        "version": 1,
        "vendors": {"acme": {}, "zenith": {}},
        "deployments": {"one": deployment("acme"), "two": deployment("zenith")},
        "routes": {"chat": {"tiers": [["one"], ["two"]]}, "solo": {"tiers": [["one"]]}},
        "workflows": WORKFLOWS if workflows is None else workflows,
        "ledger": {"url": f"sqlite:///{folder}/ledger.db"},
    }
    for name, content in (("scenarios/dark", OUTAGE), ("incidents/elsewhere", ELSEWHERE), ("gateway", config)):
        path = folder / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return path
