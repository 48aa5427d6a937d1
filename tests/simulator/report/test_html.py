import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files

import orjson
import pytest

from gateway.simulator.report import charts
from gateway.simulator.report.html import breakable, to_html
from gateway.simulator.result import Study
from tests.simulator.report.study import CHAINS, domains, hostile, study

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
VOID = {"meta", "link", "img", "br", "hr", "wbr", "input"}


class Page(HTMLParser):
    """Its elements; fails where one is closed that is not the one open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.data: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.data.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.data[-1] += data
        else:
            self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


@cache
def usual() -> str:
    return to_html(study())


def sections(whole: Study) -> list[str | None]:
    return [attributes["id"] for attributes in Page(to_html(whole)).named("section")]


def test_every_workflow_and_domain_is_there() -> None:
    words = Page(usual()).words
    assert all(name in words for name in CHAINS)
    assert all(name.partition(":")[2] in words for name in domains())
    assert "Losing vendor openai stops 1 of 5 workflows (search)." in words
    assert "✕ 0 %" in words


def test_it_needs_nothing_from_the_network() -> None:
    page = Page(usual())
    assert not page.named("link")
    assert not page.named("img")
    assert not [script for script in page.named("script") if "src" in script]
    style = "".join(re.findall(r"(?s)<style>.*?</style>", usual()))
    assert "url(" not in style
    assert "@import" not in style
    assert {link["href"] for link in page.named("a") if not (link["href"] or "").startswith("#")} == {
        "https://status.example.com/incidents/june-10"
    }


def test_plotly_stands_in_it_once_and_only_with_charts() -> None:
    assert usual().count(charts.plotly_script()) == 1
    bare = to_html(replace(study(), contingency=None, scenarios=()))
    assert "Plotly" not in bare
    assert len(bare) < 30_000


def test_each_chart_has_its_own_place_and_its_figure() -> None:
    page = Page(usual())
    places = [one["id"] for one in page.named("div") if one.get("class") == "plot"]
    assert len(places) == len(set(places)) == 4 + 1 + 3
    figures = [
        text for one, text in zip(page.named("script"), page.data, strict=True) if one.get("type") == "application/json"
    ]
    assert len(figures) == len(places)
    assert all(orjson.loads(figure)["data"] for figure in figures)


def test_nothing_in_a_name_is_markup() -> None:
    page = Page(to_html(hostile(NASTY)))
    assert NASTY in page.words
    assert not page.named("img")
    assert not [code for code in page.data if code.strip().startswith("alert")]
    links = [link["href"] or "" for link in page.named("a")]
    assert all(link.startswith(("#", "https://example.com/")) for link in links)
    assert sum(link.startswith("https://") for link in links) == 1


def test_the_figures_of_hostile_names_are_still_json() -> None:
    page = Page(to_html(hostile(NASTY)))
    figures = [text for text in page.data if text.startswith('{"data"')]
    assert any(
        NASTY[:12].replace("<", "&lt;").replace(">", "&gt;") in text for text in map(str, map(orjson.loads, figures))
    )


@pytest.mark.parametrize(
    ("contingency", "scenarios", "expected"),
    [
        (True, True, ["summary", "losses", "dependence", "concentration", "year", "scenario-1", "scenario-2", "basis"]),
        (False, True, ["summary", "scenario-1", "scenario-2", "basis"]),
        (True, False, ["summary", "losses", "dependence", "concentration", "year", "basis"]),
        (False, False, ["summary", "basis"]),
    ],
)
def test_sections_come_and_go(contingency: bool, scenarios: bool, expected: list[str]) -> None:
    whole = study()
    part = replace(
        whole,
        contingency=whole.contingency if contingency else None,
        scenarios=whole.scenarios if scenarios else (),
    )
    assert sections(part) == expected


def test_what_is_empty_says_so() -> None:
    whole = study()
    assert whole.contingency
    nothing = replace(whole.contingency, advice=(), together=None, dependence=(), concentration=(),
                      cases=whole.contingency.cases[1:2])  # fmt: skip
    silent = replace(whole.scenarios[1], hits=(), faults=(), workflows=(), breakers=())
    words = Page(to_html(replace(whole, contingency=nothing, scenarios=(silent,), assumptions=()))).words
    for sentence in (
        "No single change to the config was found",
        "Every workflow withstands every single loss.",
        "No pair of losses is worse",
        "There is no traffic whose concentration could be measured.",
        "None of its faults happened with this seed.",
        "it could not have touched it.",
        "No breaker changed.",
        "None stated.",
    ):
        assert sentence in words


def test_a_workflow_that_saw_nothing_has_no_timeline() -> None:
    assert "Saw nothing of it, so without a timeline: contract-review and code-assistant." in Page(usual()).words


def test_it_is_the_same_every_time() -> None:
    assert to_html(study()) == usual()


def test_addresses_break_before_the_at() -> None:
    assert breakable("<a>@b") == "&lt;a&gt;<wbr>@b"


def test_the_templates_are_part_of_the_package() -> None:
    names = {one.name for one in (files("gateway.simulator.report") / "templates").iterdir()}
    assert names == {"report.html.j2", "report.css.j2"}
