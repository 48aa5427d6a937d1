"""`python -m demo`. Exit code 1 if the app saw a failure."""

import asyncio
import sys
from contextlib import ExitStack
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from bench.processes import DidNotStart
from demo.play import Play
from demo.stage import Stage, stage
from demo.tally import Tally
from demo.view import Moment, closing, line, picture

SHORT = 30.0
WIDTH = 110  # of a log
STOPPED = 130  # what shells say of Ctrl-C


def main(
    seconds: Annotated[float, typer.Option(min=12, max=3600, help="how long it takes")] = 120,
    fast: Annotated[bool, typer.Option("--fast", help="30 seconds")] = False,
    rate: Annotated[float, typer.Option(min=1, max=50, help="requests a second")] = 10,
) -> None:
    """Vendors fail under load; the app does not notice."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        with ExitStack() as stack:
            with console.status("starting three emulated vendors and the gateway"):
                addresses = stack.enter_context(stage())
            tally = _perform(console, addresses, SHORT if fast else seconds, rate)
    except KeyboardInterrupt:
        raise typer.Exit(STOPPED) from None
    except DidNotStart as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None
    closing(console, tally)
    raise typer.Exit(1 if tally.failed else 0)


def _perform(console: Console, addresses: Stage, seconds: float, rate: float) -> Tally:
    if not console.is_terminal:
        return asyncio.run(
            Play(addresses, seconds, rate, lambda tally, now: print(line(tally, now), flush=True)).perform()
        )
    with Live(console=console, auto_refresh=False) as live:

        def show(tally: Tally, moment: Moment) -> None:
            live.update(picture(tally, moment), refresh=True)

        return asyncio.run(Play(addresses, seconds, rate, show).perform())


if __name__ == "__main__":
    typer.run(main)
