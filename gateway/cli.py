"""The commands. Each reads its arguments, calls one function and prints what comes back.

Exit codes: 0 good, 1 a finding (an invalid config, nothing found), 2 wrong usage. Imports stand inside the commands:
`--help` and `check` need neither the server nor the ledger.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.simulator.command import Outputs, Replayed
    from gateway.simulator.result import Study, Verdict

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
MOST_REPLAYED = 1_000_000  # requests of the ledger, the newest ones
LONGEST = 31 * 86_400.0  # seconds of a scenario, as in its file


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


class FailOn(StrEnum):
    NEVER = "never"
    LOST = "lost"
    DEGRADED = "degraded"

    @property
    def verdicts(self) -> "tuple[Verdict, ...]":
        worse: dict[str, tuple[Verdict, ...]] = {"lost": ("lost",), "degraded": ("lost", "degraded")}
        return worse.get(self.value, ())


class SchemaOf(StrEnum):
    CONFIG = "config"
    SCENARIO = "scenario"
    WORLD = "world"


@app.command()
def schema(of: Annotated[SchemaOf, typer.Argument(help="which kind of file")] = SchemaOf.CONFIG) -> None:
    """Print the JSON Schema (draft-07) of the config file, of a scenario or of the simulator's world."""
    from gateway.config.published import json_schema
    from gateway.simulator.scenario_file import scenario_schema
    from gateway.simulator.world_file import world_schema

    made = {SchemaOf.CONFIG: json_schema, SchemaOf.SCENARIO: scenario_schema, SchemaOf.WORLD: world_schema}
    _print_json(made[of]())


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


# -- the simulator ---------------------------------------------------------------------------------------------------

ConfigOption = Annotated[Path, typer.Option(help="the config file")]
WorldOption = Annotated[
    Path | None, typer.Option(help="traffic and vendors as assumed; default: NAME.world.yaml beside NAME.yaml, if any")
]
Seed = Annotated[int, typer.Option(min=0, help="the same seed gives the same figures, to the last digit")]
Rate = Annotated[float | None, typer.Option(min=0.001, max=10_000, help="arrivals a second, all workflows together")]
Processes = Annotated[int | None, typer.Option(min=1, help="default: one a core")]
Scheduler = Annotated[str | None, typer.Option(help="address of a Dask scheduler that does the work instead")]
Incidents = Annotated[list[str] | None, typer.Option("--incident", help="id in the incident library; repeatable")]
Library = Annotated[Path | None, typer.Option("--incidents", help="the library; default: incidents beside the config")]
Html = Annotated[Path | None, typer.Option(help="write the report, one file that needs no network")]
Markdown = Annotated[Path | None, typer.Option(help="write the report as Markdown")]
Requests = Annotated[int, typer.Option(min=50, max=1_000_000, help="for each workflow and loss")]
Pairs = Annotated[
    int, typer.Option(min=0, max=10_000, help="of domains to lose, correlated ones first; for N-2, N-1-1")
]
Years = Annotated[int, typer.Option(min=100, max=100_000, help="of the Monte Carlo")]


@app.command()
def simulate(
    scenarios: Annotated[list[Path] | None, typer.Argument(help="scenario files, or directories of them")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    incident: Incidents = None,
    incidents: Library = None,
    world: WorldOption = None,
    seed: Seed = 1,
    duration: Annotated[str | None, typer.Option(help="instead of the scenario's own, such as 30m")] = None,
    rate: Rate = None,
    replay: Annotated[bool, typer.Option("--replay", help="send what the ledger has on record")] = False,
    since: Annotated[datetime | None, typer.Option(help="with --replay: from then on (UTC)")] = None,
    until: Annotated[datetime | None, typer.Option(help="with --replay: up to then (UTC)")] = None,
    processes: Processes = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
    html: Html = None,
    markdown: Markdown = None,
    junit: Annotated[
        Path | None, typer.Option(help="write verdicts for CI: a workflow that misses its SLO fails")
    ] = None,
) -> None:
    """What would each workflow have seen? Exit code 1 if one would miss its SLO."""
    from gateway.simulator import command

    if (since or until) and not replay:
        raise typer.BadParameter("only with --replay", param_hint="--since, --until")
    if replay and rate is not None:
        raise typer.BadParameter("a replay comes at the rate it had", param_hint="--rate")
    given = command.Given(config, world, seed, rate, _seconds(duration), processes, scheduler)
    asked = command.Asked(tuple(scenarios or ()), tuple(incident or ()), incidents)
    files = {"html": html, "markdown": markdown, "junit": junit}
    replayed = _replayed(config, since, until) if replay else None
    study = _study(lambda: command.simulate(given, asked, replayed), command.Outputs(as_json, files))
    raise typer.Exit(0 if all(scenario.passed for scenario in study.scenarios) else 1)


@app.command("incidents")
def list_incidents(config: ConfigOption = DEFAULT_CONFIG, incidents: Library = None, as_json: Json = False) -> None:
    """The incident library, and which deployments each would have reached."""
    from gateway.simulator import command

    with _refusals():
        found = command.incidents(config, incidents)
    if as_json:
        _print_json([incident._asdict() for incident in found])
    else:
        for incident in found:
            typer.echo(
                f"{incident.date}  {incident.id}: {incident.title} [{', '.join(incident.hits) or 'reaches nothing'}]"
            )


@app.command()
def contingency(
    config: ConfigOption = DEFAULT_CONFIG,
    world: WorldOption = None,
    seed: Seed = 1,
    rate: Rate = None,
    requests: Requests = 2000,
    pairs: Pairs = 20,
    years: Years = 10_000,
    fail_on: Annotated[
        FailOn, typer.Option(help="exit code 1 if a single loss does this to a workflow")
    ] = FailOn.NEVER,
    processes: Processes = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
    html: Html = None,
    markdown: Markdown = None,
) -> None:
    """What does each workflow hang on? Every domain is lost once (N-1), likely pairs too (N-2, N-1-1)."""
    from gateway.simulator import command

    given = command.Given(config, world, seed, rate, None, processes, scheduler)
    depth, files = command.Depth(requests, pairs, years), {"html": html, "markdown": markdown}
    study = _study(lambda: command.contingency(given, depth), command.Outputs(as_json, files))
    raise typer.Exit(int(command.falls_to(study, fail_on.verdicts)))


@app.command()
def report(
    scenarios: Annotated[list[Path] | None, typer.Argument(help="scenario files, or directories of them")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    incident: Incidents = None,
    incidents: Library = None,
    world: WorldOption = None,
    seed: Seed = 1,
    requests: Requests = 2000,
    pairs: Pairs = 20,
    years: Years = 10_000,
    processes: Processes = None,
    scheduler: Scheduler = None,
    out: Annotated[Path, typer.Option(help="directory for report.html, report.md and report.json")] = Path("report"),
) -> None:
    """Contingencies and scenarios in one report, for whoever has to decide."""
    from gateway.simulator import command

    given = command.Given(config, world, seed, None, None, processes, scheduler)
    asked = command.Asked(tuple(scenarios or ()), tuple(incident or ()), incidents)
    depth = command.Depth(requests, pairs, years)
    files = {"html": out / "report.html", "markdown": out / "report.md", "json": out / "report.json"}
    _study(lambda: command.report(given, asked, depth), command.Outputs(files=files))


def _study(make: Callable[[], "Study"], outputs: "Outputs") -> "Study":
    """Makes the study and writes it; ends with the exit code of what was refused."""
    from gateway.simulator import command

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that no worker is left behind
    with _refusals():
        command.check_writable(outputs)
        study = make()
        command.write(study, outputs)
    return study


@contextmanager
def _refusals() -> Iterator[None]:
    """What a command refuses is said on standard error, and ends the program with its exit code."""
    from gateway.simulator.command import Refusal

    try:
        yield
    except Refusal as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.code) from None


def _seconds(duration: str | None) -> float | None:
    from gateway.config.units import parse_duration

    seconds = parse_duration(duration) if duration is not None else None
    if duration is not None and not (seconds and seconds <= LONGEST):
        raise typer.BadParameter("expected a duration such as 30m or 2h, 31d at most", param_hint="--duration")
    return seconds


def _replayed(config: Path, since: datetime | None, until: datetime | None) -> "Replayed":
    from gateway.server.ledger_view import read_ledger
    from gateway.simulator.command import Replayed
    from gateway.store.base import Query

    begins, ends = (_utc(moment) if moment else None for moment in (since, until))
    given = (("--since", begins), ("--until", ends))
    options = [word for name, moment in given if moment for word in (name, moment.isoformat())]
    query = Query(begins.timestamp() if begins else None, ends.timestamp() if ends else None)
    decisions = read_ledger(config, lambda store: store.query(query, MOST_REPLAYED))
    return Replayed(decisions, ("--replay", *options))


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _print_json(value: object) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
