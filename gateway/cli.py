"""The commands. Each reads its arguments, calls one function and prints what comes back.

Exit codes: 0 good, 1 a finding (an invalid config, nothing found), 2 wrong usage. Imports stand inside the commands:
`--help` and `check` need neither the server nor the ledger.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="secondsource",
    help="A model gateway that always has a second source.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="Callers' keys.", no_args_is_help=True)
ledger = typer.Typer(help="Read the decision ledger.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(ledger, name="ledger")

ConfigArgument = Annotated[Path, typer.Argument(help="the config file", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
DEFAULT_CONFIG = Path("config/gateway.yaml")


def main() -> None:
    app()


@app.command()
def serve(
    config: Annotated[Path | None, typer.Option(help="the config file")] = None,
    host: Annotated[str | None, typer.Option(help="address of the data port")] = None,
    port: Annotated[int | None, typer.Option(help="the data port")] = None,
    admin_port: Annotated[int | None, typer.Option(help="the admin port; worker i gets admin_port + i")] = None,
    workers: Annotated[int | None, typer.Option(help="processes")] = None,
    emulate: Annotated[bool, typer.Option("--emulate", help="start emulated vendors for loopback base_urls")] = False,
    worker: Annotated[int | None, typer.Option(hidden=True)] = None,
    data_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the gateway. Options win over SECONDSOURCE_* variables."""
    from gateway.server.start import start

    given = {"config": config, "host": host, "port": port, "admin_port": admin_port, "workers": workers}
    options = {name: value for name, value in given.items() if value is not None}
    raise typer.Exit(start(options, emulate=emulate, worker=worker, data_fd=data_fd))


@app.command()
def check(config: ConfigArgument = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Check a config: every error and warning, with its place. Exit code 1 if it could not be served."""
    from dataclasses import asdict

    from gateway.config.load import load

    snapshot, problems = load(config, os.environ)
    if as_json:
        revision = snapshot.revision if snapshot else None
        _print_json({"valid": snapshot is not None, "revision": revision, "problems": [asdict(p) for p in problems]})
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{config}: revision {snapshot.revision}" if snapshot else f"{config}: not valid")
    raise typer.Exit(0 if snapshot else 1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the config file (draft-07)."""
    from gateway.config.published import json_schema

    _print_json(json_schema())


@app.command()
def emulate(
    config: Annotated[Path, typer.Option(help="vendors are read from its loopback base_urls")] = DEFAULT_CONFIG,
    control_port: Annotated[int, typer.Option(help="where faults are switched")] = 9100,
    instant: Annotated[bool, typer.Option("--instant", help="answer at once, without a vendor's pace")] = False,
    lifeline: Annotated[bool, typer.Option("--lifeline", hidden=True)] = False,
) -> None:
    """Run emulated vendors: real servers on loopback that misbehave on request."""
    from gateway.server.start import run_emulator

    raise typer.Exit(run_emulator(config, control_port, instant=instant, lifeline=lifeline))


@keys.command("new")
def new_key(
    id_: Annotated[str, typer.Argument(metavar="ID", help="the key's name in the config")],
    workflow: Annotated[str, typer.Option(help="the workflow it belongs to")],
) -> None:
    """Make a key. It is shown once; the config holds only its hash."""
    import hashlib
    import secrets

    key = f"ss-{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    typer.echo(f"key (give it to the app, it is not stored): {key}")
    typer.echo("under `keys:` in the config:")
    typer.echo(f"  - {{id: {id_}, sha256: {digest}, workflow: {workflow}}}")


@ledger.command("list")
def list_decisions(
    config: Annotated[Path, typer.Option(help="names the ledger")] = DEFAULT_CONFIG,
    workflow: Annotated[str | None, typer.Option()] = None,
    route: Annotated[str | None, typer.Option()] = None,
    outcome: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 20,
    as_json: Json = False,
) -> None:
    """The newest decisions."""
    from dataclasses import asdict

    from gateway.server.ledger_view import decision_line, read_ledger
    from gateway.store.base import Query

    query = Query(workflow=workflow, route=route, outcome=outcome)
    decisions = read_ledger(config, lambda store: store.query(query, limit))
    if as_json:
        _print_json([asdict(decision) for decision in decisions])
    else:
        for decision in decisions:
            typer.echo(decision_line(decision))


@ledger.command("show")
def show_decision(
    request_id: str, config: Annotated[Path, typer.Option(help="names the ledger")] = DEFAULT_CONFIG
) -> None:
    """One decision, whole, as JSON."""
    from dataclasses import asdict

    from gateway.server.ledger_view import read_ledger

    decision = read_ledger(config, lambda store: store.get(request_id))
    if decision is None:
        typer.echo(f"no decision for request {request_id}", err=True)
        raise typer.Exit(1)
    _print_json(asdict(decision))


@ledger.command("summary")
def summarize(
    config: Annotated[Path, typer.Option(help="names the ledger")] = DEFAULT_CONFIG, as_json: Json = False
) -> None:
    """Requests, fallbacks and spend by workflow, route and outcome."""
    from dataclasses import asdict

    from gateway.server.ledger_view import read_ledger, total_line

    totals = read_ledger(config, lambda store: store.summary())
    if as_json:
        _print_json([asdict(total) for total in totals])
    else:
        for total in totals:
            typer.echo(total_line(total))


def _print_json(value: object) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
