"""What the simulator's commands do: read the files, make the study, write it where it was asked for.

Raises `Refusal` with what is wrong and the exit code.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.config.load import read
from gateway.config.problem import Problem, suggest
from gateway.config.units import show_duration
from gateway.core.decision import Decision
from gateway.core.model import ANONYMOUS, Snapshot
from gateway.core.scenario import Scenario
from gateway.simulator import study as studies
from gateway.simulator.jobs import Advance, NoCluster, Workers, all_cores
from gateway.simulator.replay import replay
from gateway.simulator.report.html import to_html
from gateway.simulator.report.json import to_json
from gateway.simulator.report.junit import to_junit
from gateway.simulator.report.markdown import to_markdown
from gateway.simulator.report.terminal import show
from gateway.simulator.result import Study, Verdict
from gateway.simulator.scenario_file import load_scenarios
from gateway.simulator.simulate import Setting, without_secrets
from gateway.simulator.traffic import at_rate, routed, sources
from gateway.simulator.world import World
from gateway.simulator.world_file import load_world

FINDING, USAGE = 1, 2
MOST_REQUESTS = 2_000_000  # in one scenario: some 2 GB


class Refusal(Exception):
    """The command cannot do what was asked; the message says why, in lines."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Given:
    """What all the commands take. `rate`: arrivals a second, all workflows together. `duration` in seconds.

    `world` None: `gateway.world.yaml` beside `gateway.yaml`, if it is there.
    """

    config: Path
    world: Path | None = None
    seed: int = 1
    rate: float | None = None
    duration: float | None = None
    processes: int | None = None
    scheduler: str | None = None

    @property
    def workers(self) -> Workers:
        if self.scheduler is not None or self.processes is not None:
            return Workers(self.processes or 1, self.scheduler)
        return all_cores()


@dataclass(frozen=True, slots=True)
class Depth:
    """How thoroughly losses are tried: requests a workflow and loss, pairs of each kind, years of the Monte Carlo."""

    requests: int = 2000
    pairs: int = 20
    years: int = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """Scenario files and directories, and ids from the incident library."""

    paths: Sequence[Path] = ()
    incidents: Sequence[str] = ()
    folder: Path | None = None


class Replayed(NamedTuple):
    """What a ledger has on record, and the options that asked for it."""

    decisions: Sequence[Decision]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the study goes. `json`: to standard output, in the stead of the summary."""

    json: bool = False
    files: Mapping[str, Path | None] = field(default_factory=dict)


class Incident(NamedTuple):
    """`hits`: the deployments of the config that it would have reached."""

    date: str
    id: str
    title: str
    hits: tuple[str, ...]


WRITERS: Mapping[str, Callable[[Study], str | bytes]] = {
    "html": to_html,
    "markdown": to_markdown,
    "junit": to_junit,
    "json": to_json,
}


def simulate(given: Given, asked: Asked, replayed: Replayed | None) -> Study:
    """`replayed`: in the stead of made traffic."""
    words = ["simulate", *_asked(asked), *(replayed.options if replayed else ())]
    setting, study = _open(given, words, replayed.decisions if replayed else None)
    scenarios = _scenarios(given, asked, setting.snapshot)
    if not scenarios:
        raise Refusal("name a scenario file, a directory of them, or an incident with --incident", USAGE)
    _bound(setting, scenarios)
    with _progress() as announce, _cluster_errors():
        return studies.add_scenarios(study, setting, scenarios, given.workers, announce)


def contingency(given: Given, depth: Depth) -> Study:
    setting, study = _open(given, ["contingency", *_depth(depth)])
    with _progress() as announce, _cluster_errors():
        return _losses(study, setting, depth, given.workers, announce)


def report(given: Given, asked: Asked, depth: Depth) -> Study:
    """Scenarios and contingencies."""
    setting, study = _open(given, ["report", *_asked(asked), *_depth(depth)])
    scenarios = _scenarios(given, asked, setting.snapshot)
    _bound(setting, scenarios)
    with _progress() as announce, _cluster_errors():
        study = studies.add_scenarios(study, setting, scenarios, given.workers, announce)
        return _losses(study, setting, depth, given.workers, announce)


def incidents(config: Path, library: Path | None) -> list[Incident]:
    """The library, by date."""
    snapshot, _ = _snapshot(config)
    found = _load_scenarios([library or config.parent / "incidents"], snapshot)
    known = (
        Incident(_date(one), one.id, one.title, tuple(hit.id for hit in one.hit(routed(snapshot)))) for one in found
    )
    return sorted(known)


def check_writable(outputs: Outputs) -> None:
    """Said before the work is done, and not after it."""
    for path in outputs.files.values():
        if path is not None:
            _opened(path, _probe)


def write(study: Study, outputs: Outputs) -> None:
    for kind, path in outputs.files.items():
        if path is not None:
            content = WRITERS[kind](study)
            data = content if isinstance(content, bytes) else content.encode()
            _opened(path, partial(_write, data))
    if outputs.json:
        sys.stdout.buffer.write(to_json(study))
    else:
        console = Console()
        show(console, study)
        for path in outputs.files.values():
            if path is not None:
                console.print(f"written to {path}", markup=False, soft_wrap=True)


def falls_to(study: Study, verdicts: Sequence[Verdict]) -> bool:
    """Does any single loss do one of these to a workflow?"""
    cases = study.contingency.cases if study.contingency else ()
    return any(effect.verdict in verdicts for case in cases if case.kind == "N-1" for effect in case.effects.values())


# -- reading ---------------------------------------------------------------------------------------------------------


def _open(given: Given, words: Sequence[str], decisions: Sequence[Decision] | None = None) -> tuple[Setting, Study]:
    """`words`: the command, and those of its options that `given` does not have."""
    snapshot, notes = _snapshot(given.config)
    world = _world(given, snapshot)
    setting = Setting(snapshot, world, given.seed, duration=given.duration)
    if decisions is not None:
        recorded = replay(decisions, snapshot)
        setting = replace(setting, snapshot=recorded.snapshot, recorded=recorded.requests)
        notes += recorded.notes
    command = shlex.join(["secondsource", *words, *_options(given)])
    study = studies.begin(command, given.config, setting)
    return setting, replace(study, notes=(*study.notes, *notes))


def _bound(setting: Setting, scenarios: Sequence[Scenario]) -> None:
    """All requests of a run are in memory, and a day of heavy traffic does not fit."""
    if setting.recorded is not None:
        return
    each_second = sum(
        source.pattern.per_minute / 60.0 * (source.pattern.loop.calls if source.pattern.loop else 1)
        for source in sources(setting.snapshot, setting.world)
    )
    for scenario in scenarios:
        requests = each_second * (setting.duration or scenario.duration)
        if requests > MOST_REQUESTS:
            message = f"{scenario.id}: about {requests:,.0f} requests, and {MOST_REQUESTS:,} are the most at once"
            raise Refusal(f"{message}; lower --rate or --duration", USAGE)


def _snapshot(config: Path) -> tuple[Snapshot, tuple[str, ...]]:
    """The config, and notes on it. A simulation calls nobody, so it needs no credential."""
    loaded = read(config, os.environ, stand_in=True)
    if loaded.snapshot is None:
        unset = [f"no value here: ${{{name}}}" for name in sorted(loaded.missing)]
        raise Refusal("\n".join((str(_invalid(loaded.problems)), *unset)), FINDING)
    snapshot, notes = loaded.snapshot, []
    if loaded.missing:
        notes.append("The config's secrets have no value here, so its revision is another one than where they have.")
    if not snapshot.workflows:
        snapshot = replace(snapshot, workflows={ANONYMOUS.id: ANONYMOUS})
        notes.append(f"The config names no workflow: all traffic counts as one, {ANONYMOUS.id!r}.")
    return without_secrets(snapshot), tuple(notes)


def _date(scenario: Scenario) -> str:
    return scenario.origin.date if scenario.origin else ""


def _options(given: Given) -> Iterator[str]:
    """Those that decide the figures. Where the work is done does not."""
    yield from ("--config", str(given.config), "--seed", str(given.seed))
    if given.world is not None:
        yield from ("--world", str(given.world))
    if given.rate is not None:
        yield from ("--rate", str(given.rate))
    if given.duration is not None:
        yield from ("--duration", show_duration(given.duration))


def _asked(asked: Asked) -> Iterator[str]:
    yield from map(str, asked.paths)
    for id_ in asked.incidents:
        yield from ("--incident", id_)
    if asked.folder is not None:
        yield from ("--incidents", str(asked.folder))


def _depth(depth: Depth) -> Iterator[str]:
    for name, value, usual in zip(("requests", "pairs", "years"), astuple(depth), astuple(Depth()), strict=True):
        if value != usual:
            yield from (f"--{name}", str(value))


def _world(given: Given, snapshot: Snapshot) -> World:
    beside = given.config.with_suffix(".world.yaml")
    path = given.world or (beside if beside.exists() else None)
    world: World | None = World()
    if path is not None:
        world, problems = load_world(path, snapshot)
        if world is None:
            raise _invalid(problems)
    assert world is not None
    return world if given.rate is None else at_rate(world, snapshot, given.rate)


def _scenarios(given: Given, asked: Asked, snapshot: Snapshot) -> list[Scenario]:
    library = asked.folder or given.config.parent / "incidents"
    paths = [*asked.paths, *(_incident(id_, library) for id_ in asked.incidents)]
    return _load_scenarios(paths, snapshot) if paths else []


def _load_scenarios(paths: Sequence[Path], snapshot: Snapshot) -> list[Scenario]:
    scenarios, problems = load_scenarios(paths, snapshot)
    for problem in problems:
        if problem.severity != "error":
            print(problem, file=sys.stderr)
    if any(problem.severity == "error" for problem in problems):
        raise _invalid(problems)
    return scenarios


def _incident(id_: str, library: Path) -> Path:
    path = library / f"{id_}.yaml"
    if "/" in id_ or not path.is_file():
        known = [file.stem for file in library.glob("*.yaml")]
        raise Refusal(f"there is no incident {id_!r} in {library}; {suggest(id_, known)}", USAGE)
    return path


def _invalid(problems: Sequence[Problem]) -> Refusal:
    return Refusal("\n".join(str(problem) for problem in problems if problem.severity == "error"), FINDING)


# -- working ---------------------------------------------------------------------------------------------------------


def _losses(study: Study, setting: Setting, depth: Depth, workers: Workers, announce: studies.Announce) -> Study:
    return studies.add_contingencies(study, setting, depth.requests, depth.pairs, depth.years, workers, announce)


@contextmanager
def _cluster_errors() -> Iterator[None]:
    try:
        yield
    except NoCluster as error:
        raise Refusal(str(error), USAGE) from None


@contextmanager
def _progress() -> Iterator[studies.Announce]:
    """Bars on standard error, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def announce(title: str, steps: int) -> Advance:
            task = progress.add_task(title, total=steps)
            return lambda done: progress.advance(task, done)

        yield announce


def _opened(path: Path, use: Callable[[Path], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        use(path)
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}", USAGE) from None


def _probe(path: Path) -> None:
    existed = path.exists()
    path.open("ab").close()
    if not existed:
        path.unlink()


def _write(data: bytes, path: Path) -> None:
    path.write_bytes(data)
