"""One HTML file that needs nothing else: for a screen, and for A4 paper.

Everything in a study is text that others wrote. jinja2 escapes it; the figures are JSON inside a script element, in
which `<` is written as an escape, so that no name can end the element.
"""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gateway.simulator.report import charts, summary, tables, words
from gateway.simulator.report.charts import Chart
from gateway.simulator.report.glossary import GLOSSARY
from gateway.simulator.result import ContingencyResult, ScenarioResult, Study


def to_html(study: Study) -> str:
    """The same study gives the same bytes. plotly.js (5 MB) is in it only where there is a chart."""
    found = study.contingency
    colours = charts.colours(study.scenarios)
    timelines = [_timelines(at, one, colours) for at, one in enumerate(study.scenarios, 1)]
    of_contingency = _of_contingency(found) if found and found.cases else {}
    charted = any(timelines) or bool(of_contingency)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            study=study,
            found=found if found and found.cases else None,
            timelines=timelines,
            charts=of_contingency,
            plotly_script=Markup(charts.plotly_script()) if charted else "",  # noqa: S704 (plotly's own file)
            glossary=GLOSSARY,
            summary=summary,
            tables=tables,
            words=words,
        )
    )


def breakable(text: str) -> Markup:
    """Addresses may break before the @, where a column is narrow."""
    return Markup.escape(text).replace("@", Markup("<wbr>@"))


def figure_json(chart: Chart) -> Markup:
    """Fit for a script element."""
    return Markup(chart.figure.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704 (escaped here)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gateway.simulator.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["figure_json"] = figure_json
    return environment


def _timelines(at: int, scenario: ScenarioResult, colours: dict[str, str]) -> dict[str, Chart]:
    """By workflow; of those that saw something of it."""
    return {
        result.workflow: charts.timeline(f"timeline-{at}-{number}", scenario, result, colours)
        for number, result in enumerate(scenario.workflows, 1)
        if result.requests and summary.touched(result)
    }


def _of_contingency(found: ContingencyResult) -> dict[str, list[Chart]]:
    shares = [
        charts.concentration(f"concentration-{at}", kind, group)
        for at, (kind, group) in enumerate(summary.by_kind(found.concentration).items(), 1)
    ]
    years = [charts.yearly("year", found.year)] if found.year.workflows else []
    return {"concentration": shares, "year": years}
