from dataclasses import replace
from io import StringIO

from rich.console import Console

from gateway.simulator.report.terminal import show
from gateway.simulator.result import Study

from .study import WORKFLOWS, contingency, hostile, scenarios, study

WHOLE = study()


def shown(found: Study, width: int = 160, *, colours: bool = False) -> str:
    console = Console(
        file=StringIO(), width=width, force_terminal=colours, color_system="standard" if colours else None
    )
    show(console, found)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().replace("\N{NO-BREAK SPACE}", " ")


def line(text: str, *words: str) -> str:
    """The first that holds all these words."""
    return next(one for one in text.splitlines() if all(word in one for word in words))


def test_the_matrix_has_each_loss_and_what_it_does_to_each_workflow() -> None:
    found = shown(WHOLE)
    assert "What each loss does (N-1)" in found
    header = line(found, "lost", *(one.id for one in WORKFLOWS))
    assert header.index("support-triage") < header.index("contract-review")
    # Only search has no one else to make its vectors.
    assert line(found, "vendor openai", "✕").count("✕") == 1
    assert "▲" in found
    assert "✓" in found


def test_a_verdict_is_told_by_its_sign_and_by_its_colour() -> None:
    coloured = shown(WHOLE, colours=True)
    for code, sign in (("32", "✓"), ("33", "▲"), ("31", "✕")):
        assert f"\x1b[{code}m{sign}" in coloured
    assert "\x1b[" not in shown(WHOLE)


def test_each_scenario_and_what_each_workflow_saw_of_it() -> None:
    found = shown(WHOLE)
    assert "openai-2025-06-10-gpu-network: OpenAI: GPU hosts lose their network" in found
    search = line(found, "  search:")
    assert "served (usually 100 %)" in search
    assert "detected after 3.4 s" in search
    assert "SLO" not in search  # it has none
    assert "SLO missed: success" in line(found, "  invoice-capture:", "missed")
    assert line(found, "  support-triage:", "SLO kept").startswith("  support-triage: 100 % served")


def test_advice_says_what_it_saves() -> None:
    found = shown(WHOLE)
    assert line(found, "Would help: Give search a second source: embed-onprem").endswith(")")
    assert found.count("Would help: ") == 3


def test_what_was_not_studied_is_not_shown() -> None:
    only_scenarios = shown(replace(WHOLE, contingency=None))
    assert "N-1" not in only_scenarios
    assert "Would help" not in only_scenarios
    assert "gpu-network" in only_scenarios
    only_losses = shown(replace(WHOLE, scenarios=()))
    assert "gpu-network:" not in only_losses
    assert "N-1" in only_losses


def test_a_scenario_that_hits_nothing_lists_no_workflow() -> None:
    (_, kept) = scenarios()
    found = shown(replace(WHOLE, contingency=None, scenarios=(replace(kept, hits=()),), notes=()))
    assert "mistral-exit: Mistral is gone for good" in found
    assert "usually" not in found


def test_notes_stand_at_the_end() -> None:
    assert shown(WHOLE).splitlines()[-1] == WHOLE.notes[0]


def test_a_workflow_that_a_loss_says_nothing_of_stops_nothing() -> None:
    whole = contingency()
    mute = [replace(case, effects={k: v for k, v in case.effects.items() if k != "search"}) for case in whole.cases]
    found = shown(replace(WHOLE, contingency=replace(whole, cases=tuple(mute)), scenarios=(), notes=()))
    openai = next(one for one in found.splitlines() if "vendor openai" in one and "✓" in one)
    assert "✕" not in openai


def test_names_are_text_not_markup() -> None:
    found = shown(hostile("[red]x[/red] [link=http://example.com]y[/link]"), width=400)
    assert "[red]x[/red]" in found
    assert "[/" in shown(hostile("[/]"), width=400)


def test_nothing_is_lost_on_a_narrow_terminal() -> None:
    found = shown(replace(WHOLE, contingency=None), width=30)
    assert "openai-2025-06-10-gpu-network: OpenAI: GPU hosts lose their network" in found
