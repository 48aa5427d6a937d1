"""`python -m bench`: measure, print a table, write JSON. Exit code 1 if a request through the gateway failed."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from bench import report
from bench.decision import core_time, import_time
from bench.measure import FULL, QUICK, Effort, Sample, measure, warm_up
from bench.peer import install_litellm
from bench.processes import DidNotStart, cores
from bench.simulation import simulator_time
from bench.systems import start, upstream


def main(
    peers: Annotated[bool, typer.Option("--peers", help="install and measure LiteLLM's proxy as well")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="less of everything: in under 20 seconds")] = False,
    json: Annotated[Path, typer.Option(help="where the figures are written")] = Path("build/bench.json"),
) -> None:
    """What a request costs, with the gateway and without."""
    console, effort = Console(), QUICK if quick else FULL
    if peers:
        with console.status("installing LiteLLM's proxy"):
            install_litellm()
    if len(os.sched_getaffinity(0)) == 1:
        console.print("This machine has one core: load, vendor and gateway share it. Trust the CPU columns only.")
    try:
        found = report.rows(_samples(console, effort, peers=peers))
    except DidNotStart as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None
    allowed = report.budgets(found, core_time(), import_time(), simulator_time())
    report.show(console, found, allowed)
    report.write(json, found, allowed, effort.runs)
    console.print(f"written to {json}")
    raise typer.Exit(int(any(row.failed for row in found if row.name == report.GATEWAY)))


def _samples(console: Console, effort: Effort, *, peers: bool) -> dict[str, list[Sample]]:
    """Run by run, in turn, so that what else the machine does meets all systems alike."""
    with ExitStack() as stack:
        split = cores()
        vendor = stack.enter_context(upstream(split))
        systems = start(stack, vendor, split, peers=peers)
        os.sched_setaffinity(0, split.others)  # the load inherits it
        stack.callback(os.sched_setaffinity, 0, split.subject | split.others)
        samples: dict[str, list[Sample]] = {system.name: [] for system in systems}
        progress = stack.enter_context(Progress(console=console, transient=True))
        task = progress.add_task("warming up", total=len(systems) * (effort.runs + 1))
        for system in systems:
            warm_up(system, effort)
            progress.advance(task)
        for run in range(effort.runs):
            for system in systems:
                progress.update(task, description=f"run {run + 1} of {effort.runs}: {system.name}")
                samples[system.name].append(measure(system, effort))
                progress.advance(task)
        return samples


if __name__ == "__main__":
    typer.run(main)
