from dataclasses import replace
from typing import Any

import orjson

from gateway.simulator.report import charts
from tests.simulator.report.study import contingency, scenarios


def timeline(number: int = 0) -> Any:
    scenario = scenarios()[0]
    chart = charts.timeline("t", scenario, scenario.workflows[number], charts.colours([scenario]))
    return orjson.loads(chart.figure)


def test_a_timeline_stacks_answers_and_failures() -> None:
    figure = timeline()
    result = scenarios()[0].workflows[0]
    assert [trace["name"] for trace in figure["data"]] == [*result.served_by, "failed"]
    assert sum(figure["data"][-1]["y"]) == sum(result.failures.values())
    assert figure["layout"]["barmode"] == "stack"
    assert figure["data"][0]["x"][:2] == [0.5, 1.5]  # the middles of its minutes


def test_fault_windows_are_shaded_and_numbered() -> None:
    layout = timeline()["layout"]
    windows = [(shape["x0"], shape["x1"]) for shape in layout["shapes"] if shape["type"] == "rect"]
    assert windows == [(10, 40), (10, 30)]
    assert [note["text"] for note in layout["annotations"]] == ["1", "2"]


def test_a_fault_that_stays_is_shaded_to_the_end() -> None:
    scenario = scenarios()[1]
    chart = charts.timeline("t", scenario, scenario.workflows[0], {})
    window = orjson.loads(chart.figure)["layout"]["shapes"][0]
    assert (window["x0"], window["x1"]) == (10, 60)


def test_the_scale_fits_the_duration() -> None:
    scenario = scenarios()[0]
    for duration, unit in ((60.0, "seconds"), (3600.0, "minutes"), (86400.0, "hours")):
        chart = charts.timeline("t", replace(scenario, duration=duration), scenario.workflows[0], {})
        assert orjson.loads(chart.figure)["layout"]["xaxis"]["title"]["text"] == f"{unit} from the start"


def test_a_deployment_has_one_colour_everywhere_and_none_that_of_failures() -> None:
    colours = charts.colours(scenarios())
    assert set(colours) == {name for one in scenarios() for result in one.workflows for name in result.served_by}
    assert charts.FAILED not in colours.values()
    drawn = {trace["name"]: trace["marker"]["color"] for number in range(5) for trace in timeline(number)["data"][:-1]}
    assert drawn == {name: colours[name] for name in drawn}


def test_names_are_text_to_plotly() -> None:
    scenario = scenarios()[0]
    result = replace(scenario.workflows[0], timeline=(replace(scenario.workflows[0].timeline[0], served={"<b>x": 1}),))
    chart = charts.timeline("t", scenario, result, {})
    assert orjson.loads(chart.figure)["data"][0]["name"] == "&lt;b&gt;x"


def test_concentration_has_a_bar_for_each_measure() -> None:
    vendor = [one for one in contingency().concentration if one.kind == "vendor"]
    figure = orjson.loads(charts.concentration("c", "vendor", vendor).figure)
    assert len(figure["data"]) == 15
    by_measure = {
        name: sum(t["x"][0] for t in figure["data"] if t["y"] == [name]) for name in ("traffic", "spend", "value")
    }
    assert all(abs(total - 1) < 1e-9 for total in by_measure.values())


def test_the_year_shows_four_figures_of_every_workflow() -> None:
    figure = orjson.loads(charts.yearly("y", contingency().year).figure)
    assert len(figure["data"]) == 4
    assert {len(trace["x"]) for trace in figure["data"]} == {5}


def test_the_library_can_stand_in_a_page() -> None:
    assert "</script" not in charts.plotly_script()
    assert len(charts.plotly_script()) > 1_000_000
