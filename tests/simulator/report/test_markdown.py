import re
from dataclasses import replace

import pytest

from gateway.simulator.report.markdown import code, plain, to_markdown
from tests.simulator.report.study import CHAINS, domains, hostile, study

NASTY = "a|b <script>alert(1)</script> `x` *y* [z](javascript:1)\n# h"


def tables(text: str) -> list[list[str]]:
    """Runs of lines that stand in pipes, outside of code."""
    bare = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", text)
    return [block.split("\n") for block in bare.split("\n\n") if block.startswith("|")]


@pytest.mark.parametrize("text", [to_markdown(study()), to_markdown(hostile(NASTY))], ids=["usual", "hostile"])
def test_the_rows_of_a_table_have_equally_many_cells(text: str) -> None:
    assert len(tables(text)) > 10
    for lines in tables(text):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
        assert set(lines[1]) <= set("|-: ")


def test_nothing_in_a_name_is_markup() -> None:
    bare = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", to_markdown(hostile(NASTY)))
    assert "<script" not in bare
    assert not re.search(r"(?<!\\)\[z", bare)
    assert not re.search(r"(?m)^# h", bare)
    assert plain("a\n\nb  c") == "a b c"


def test_code_cannot_leave_its_fence() -> None:
    assert code("a\n```\nb", "yaml") == "````yaml\na\n```\nb\n````"


def test_every_workflow_and_domain_is_there() -> None:
    text = to_markdown(study())
    assert all(name in text for name in (*CHAINS, *(domain.replace(":", " ") for domain in domains())))
    assert "12 more rows: in the JSON." in text


def test_sections_come_and_go() -> None:
    whole = study()
    only_scenarios = to_markdown(replace(whole, contingency=None))
    assert "## One domain lost" not in only_scenarios
    assert "## How each workflow came through" in only_scenarios
    empty = to_markdown(replace(whole, contingency=None, scenarios=(), assumptions=(), notes=()))
    assert empty.startswith("# Nothing was simulated, so nothing can be said.\n\n## What this rests on")
    assert "None stated." in empty
    untouched = replace(whole.scenarios[1], hits=(), faults=())
    assert "could not have touched it" in to_markdown(replace(whole, scenarios=(untouched,)))


def test_it_is_the_same_every_time() -> None:
    assert to_markdown(study()) == to_markdown(study())
