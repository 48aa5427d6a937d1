"""The charts, as plotly figures in JSON: all that is known of plotly is known here.

Names in a figure are text that plotly would read as HTML, so they are escaped here; the page escapes the JSON.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle

from plotly import graph_objects as go
from plotly.offline import get_plotlyjs

from gateway.simulator.report import words
from gateway.simulator.result import Concentration, ScenarioResult, WorkflowResult, Year

WIDTH = 920  # pixels; a printed page shows it at about three quarters
HALF = 450
FAILED = "#c1121f"
INK = "#1c2733"
LONGEST_LABEL = 24
# Neighbours differ in lightness, so that they do in grey too; none is like FAILED.
PALETTE = ("#1f5a99", "#9ecae9", "#2a8c82", "#e3cf8a", "#6b5b95", "#a9c98b", "#b07a3f", "#cfe0c3", "#48617a", "#d7b5d8")

_FONT = {
    "family": "'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', system-ui, sans-serif",
    "size": 13,
}
_SCALES = (("hours", 3600.0, 4 * 3600.0), ("minutes", 60.0, 300.0), ("seconds", 1.0, 0.0))


@dataclass(frozen=True, slots=True)
class Chart:
    """`figure` is plotly's JSON. Height and width are pixels."""

    id: str
    label: str
    figure: str
    width: int
    height: int


def plotly_script() -> str:
    """plotly.js itself, to be inlined once."""
    return str(get_plotlyjs())


def colours(scenarios: Iterable[ScenarioResult]) -> dict[str, str]:
    """One for each deployment that answered anywhere, the same in all timelines."""
    names = dict.fromkeys(name for one in scenarios for result in one.workflows for name in result.served_by)
    return dict(zip(names, cycle(PALETTE), strict=False))


def timeline(at: str, scenario: ScenarioResult, result: WorkflowResult, colour: Mapping[str, str]) -> Chart:
    """Answers by deployment and failed requests over time, stacked, with the windows of the faults shaded."""
    unit, scale = next((unit, size) for unit, size, above in _SCALES if scenario.duration >= above)
    steps = result.timeline
    width = words.step(steps, scenario.duration)
    middles = [(step.at + width / 2) / scale for step in steps]
    names = dict.fromkeys(name for step in steps for name in step.served)
    figure = go.Figure()
    for name in names:
        served = [step.served.get(name, 0) for step in steps]
        figure.add_bar(x=middles, y=served, name=_label(name), marker={"color": colour.get(name, PALETTE[0])})
    failed = [step.failed for step in steps]
    marker = {
        "color": FAILED,
        "pattern": {"shape": "/", "bgcolor": FAILED, "fgcolor": "#ffffff", "size": 5, "solidity": 0.25},
    }
    figure.add_bar(x=middles, y=failed, name="failed", marker=marker)
    figure.update_traces(width=width / scale, marker_line_width=0)
    _shade(figure, scenario, scale)
    _lay_out(figure, WIDTH, 250)
    figure.update_layout(
        barmode="stack",
        bargap=0,
        hovermode="x unified",
        margin={"l": 60, "r": 170, "t": 26, "b": 44, "autoexpand": False},
        legend={"x": 1.01, "y": 1, "traceorder": "reversed"},
    )
    figure.update_xaxes(title=f"{unit} from the start", range=[0, scenario.duration / scale])
    figure.update_yaxes(title=f"requests in {words.duration(width)}", rangemode="tozero", gridcolor="#e4e8ec")
    return _chart(at, f"Answers to {result.workflow} over time, by deployment, and failed requests", figure)


def concentration(at: str, kind: str, measures: Sequence[Concentration]) -> Chart:
    """The shares of one kind of domain, largest first, a bar for each measure."""
    figure = go.Figure()
    for one in reversed(measures):
        for (name, part), colour in zip(one.shares.items(), cycle(PALETTE), strict=False):
            light = colour in PALETTE[1::2]
            label = f"{escape(name)} {words.rough_share(part)}" if part * 370 > 6.5 * (len(name) + 5) else ""
            figure.add_bar(
                x=[part], y=[one.measure], orientation="h", name=escape(name), text=[label], textposition="inside",
                insidetextanchor="middle", textangle=0, textfont={"color": INK if light else "#ffffff", "size": 12},
                marker={"color": colour, "line": {"color": "#ffffff", "width": 1}},
                hovertemplate=f"{escape(name).replace('%', '&#37;')}: %{{x:.1%}}<extra></extra>",
            )  # fmt: skip
    _lay_out(figure, HALF, 64 + 34 * len(measures))
    figure.update_layout(barmode="stack", bargap=0.25, showlegend=False, margin={"l": 56, "r": 24, "t": 8, "b": 40})
    figure.update_xaxes(range=[0, 1], tickformat=".0%", title="share (%)")
    return _chart(at, f"Shares by {kind}", figure)


def yearly(at: str, year: Year) -> Chart:
    """Mean, 1-in-20 and bad-year loss of each workflow."""
    losses = list(reversed(year.workflows))
    figures = (
        ("mean", [one.usd_mean for one in losses], "circle", PALETTE[0]),
        ("1 year in 20, at least", [one.usd_p95 for one in losses], "diamond-open", INK),
        ("mean of the worst 5 %", [one.usd_shortfall_95 for one in losses], "square", FAILED),
        ("mean of the worst 2.5 %", [one.usd_shortfall_975 for one in losses], "line-ns-open", INK),
    )
    names = [_label(one.workflow) for one in losses]
    figure = go.Figure()
    for index, one in enumerate(losses):
        line = {"type": "line", "x0": one.usd_mean, "x1": one.usd_shortfall_975, "y0": index, "y1": index}
        figure.add_shape(line, layer="below", line={"color": "#b8c2cc", "width": 5})
    for label, values, symbol, colour in figures:
        marker = {"symbol": symbol, "size": 11, "color": colour, "line": {"width": 2, "color": colour}}
        figure.add_scatter(x=values, y=names, mode="markers", name=label, marker=marker)
    _lay_out(figure, WIDTH, 100 + 36 * len(losses))
    figure.update_layout(
        margin={"l": 10, "r": 20, "t": 34, "b": 44}, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    )
    figure.update_xaxes(title="loss (USD a year)", tickprefix="$", rangemode="tozero", gridcolor="#e4e8ec")
    figure.update_yaxes(automargin=True, type="category", range=[-0.6, len(losses) - 0.4])
    return _chart(at, "Loss of each workflow in a year", figure)


def _label(name: str) -> str:
    return escape(name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…")


def _shade(figure: go.Figure, scenario: ScenarioResult, scale: float) -> None:
    for number, fault in enumerate(scenario.faults, 1):
        end = scenario.duration if fault.end is None else min(fault.end, scenario.duration)
        start = fault.start / scale
        figure.add_shape(
            type="rect", x0=start, x1=end / scale, y0=0, y1=1, yref="paper", fillcolor="#5b6876", opacity=0.16,
            layer="below", line={"width": 0},
        )  # fmt: skip
        for x in (start, end / scale):
            figure.add_shape(
                type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line={"color": INK, "width": 1, "dash": "dot"}
            )
        figure.add_annotation(
            x=start, y=1, yref="paper", yanchor="bottom", xanchor="left", xshift=14 * (number - 1), showarrow=False,
            text=str(number), font={"size": 12},
        )  # fmt: skip


def _lay_out(figure: go.Figure, width: int, height: int) -> None:
    figure.update_layout(width=width, height=height, template="none", font={**_FONT, "color": INK}, dragmode=False)
    figure.update_xaxes(title_font_size=13, title_standoff=8)
    figure.update_yaxes(title_font_size=13, title_standoff=8)


def _chart(at: str, label: str, figure: go.Figure) -> Chart:
    layout = figure.layout
    return Chart(at, label, str(figure.to_json()), int(layout.width), int(layout.height))
