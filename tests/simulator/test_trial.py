from dataclasses import replace

import pytest

from gateway.core.model import Limits, Price, Slo, Snapshot
from gateway.simulator.contingency import ground
from gateway.simulator.trial import ADJUSTED, WARM, Ground, Seen, Trial, effect, quiet_days, try_all
from gateway.simulator.world import Pattern, Profile, World

from .calm import REQUESTS, SCANT, A, B, calm
from .exposed import snapshot, workflow

TWO = snapshot(workflow("w", "chat"), routes={"chat": [A, B]})
CALM = Seen(100, 1.0, 1.0, 0.5, {0: 0.0, 1: 0.0}, {"a": 100.0}, {"a": 2.0}, (), (), ())


def on(config: Snapshot, world: World | None = None) -> Ground:
    return ground(config, world or calm(config), 1, REQUESTS)


def saw(config: Snapshot, *trials: Trial, world: World | None = None) -> list[Seen]:
    return [sight["w"] for sight in try_all(on(config, world), trials)]


def promising(config: Snapshot, slo: Slo) -> Snapshot:
    return replace(config, workflows={id_: replace(one, slo=slo) for id_, one in config.workflows.items()})


def test_on_a_quiet_day_the_first_choice_serves_all() -> None:
    quiet, later = (sight["w"] for sight in quiet_days(on(TWO)))
    assert quiet.success == quiet.steady == 1.0
    assert quiet.served == {"a": quiet.requests}
    assert quiet.stopped == quiet.missed == quiet.over_quota == ()
    assert set(quiet.lost.values()) == {0.0}
    # The requests of another stretch of the same traffic.
    assert later.success == 1.0
    assert later.requests != quiet.requests


def test_a_loss_is_watched_over_the_same_requests_as_the_quiet_day() -> None:
    quiet, later = (sight["w"] for sight in quiet_days(on(TWO)))
    one, both, in_turn = saw(TWO, Trial(("a",)), Trial(("a", "b")), Trial(("a",), ("b",)))
    assert one.requests == both.requests == quiet.requests
    assert in_turn.requests == later.requests
    assert Trial(("a",)).since == WARM
    assert Trial(("a",), ("b",)).since == WARM + ADJUSTED
    assert one.served == {"b": one.requests}
    assert both.success == in_turn.success == 0.0
    assert both.stopped == ("chat",)


def test_what_is_lost_first_is_got_over_before_the_second_goes() -> None:
    config = snapshot(workflow("w", "chat"), routes={"chat": [A, B, replace(A, id="c", vendor="c")]})
    at_once, in_turn = saw(config, Trial(("a", "b")), Trial(("a",), ("b",)))
    # With both at once a request may wait for two time-outs in a row; a breaker has taken a away by the second loss.
    assert at_once.first_token_p95 is not None
    assert in_turn.first_token_p95 is not None
    assert in_turn.first_token_p95 < at_once.first_token_p95
    assert in_turn.served == {"c": in_turn.requests}


def test_a_workflow_without_a_request_is_not_seen() -> None:
    config = snapshot(workflow("w"), workflow("mute"), routes={"chat": [A]})
    world = calm(config, {"mute": Pattern(per_minute=0.0)})
    (sight,) = try_all(on(config, world), [Trial(("a",))])
    assert list(sight) == ["w"]


def test_failed_attempts_cost_but_count_for_whoever_answered() -> None:
    priced = snapshot(
        workflow("w"),
        routes={"chat": [replace(A, price=Price(1.0, 1.0)), replace(B, price=Price(2.0, 2.0))]},
    )
    (quiet, _) = quiet_days(on(priced))
    (lost,) = saw(priced, Trial(("a",)))
    assert quiet["w"].usd_per_answer is not None
    # Twice the price for the same tokens; an outage is not billed.
    assert lost.usd_per_answer == pytest.approx(2.0 * quiet["w"].usd_per_answer)
    assert effect(lost, quiet["w"]).usd == pytest.approx(quiet["w"].usd_per_answer)
    assert list(lost.usd) == ["b"]


def test_a_quota_that_does_not_hold_is_named() -> None:
    (lost,) = saw(SCANT, Trial(("a",)))
    assert lost.over_quota == ("b",)
    # A minute's worth was saved up; from then on two thirds are served.
    assert lost.steady < lost.success < 0.9
    assert lost.steady == pytest.approx(2 / 3, abs=0.1)
    ample = replace(SCANT.deployments["b"], limits=Limits(rpm=80))
    (held,) = saw(snapshot(workflow("w"), routes={"chat": [A, ample]}), Trial(("a",)))
    assert held.over_quota == ()
    assert held.success == 1.0


@pytest.mark.parametrize(
    ("success", "stopped", "missed", "verdict"),
    [
        (1.0, (), (), "secure"),
        (0.97, (), ("success 97.00% is below 99.00%",), "degraded"),
        (0.5, (), ("success",), "degraded"),
        (0.49, (), ("success",), "lost"),
        (0.9, ("embed",), ("success",), "lost"),
    ],
)
def test_the_verdict(success: float, stopped: tuple[str, ...], missed: tuple[str, ...], verdict: str) -> None:
    found = effect(replace(CALM, success=success, stopped=stopped, missed=missed), CALM)
    assert found.verdict == verdict
    assert found.reasons == (*(f"route {one} has stopped" for one in stopped), *missed)


def test_where_nothing_is_promised_99_percent_are() -> None:
    solo = snapshot(workflow("w"), routes={"chat": [A]})
    once = replace(solo, routes={"chat": replace(solo.routes["chat"], attempts=1)})
    bad = World(profiles={"a": Profile(errors=0.05, headroom=None)}, patterns={"w": Pattern(stream=0.0)})
    (found,) = saw(once, Trial(()), world=bad)
    assert found.success < 0.99
    assert found.missed == (f"success {found.success:.2%} is below 99.00%",)
    assert saw(promising(once, Slo(success=0.8)), Trial(()), world=bad)[0].missed == ()
    late = promising(TWO, Slo(first_token_p95=0.1))
    assert "first token" in saw(late, Trial(()))[0].missed[0]


def test_what_a_loss_costs_by_hand() -> None:
    # Of the second half a quarter stays lost. The first minute lost all of its own, the quiet day a tenth of it.
    lost = replace(CALM, success=0.5, steady=0.75, lost={0: 1.0, 1: 0.25}, first_token_p95=0.7, usd={"b": 3.0})
    quiet = replace(CALM, lost={0: 0.1, 1: 0.0})
    found = effect(replace(lost, served={"b": 50.0}), quiet)
    assert found.transition == pytest.approx((1.0 - 0.1 - 0.25) + 0.0)
    assert found.steady == 0.75
    assert found.worst_minute == 0.0
    assert found.first_token_p95 == pytest.approx(0.2)
    assert found.usd == pytest.approx(3.0 / 50 - 2.0 / 100)


def test_a_loss_is_not_blamed_for_what_a_quiet_day_loses() -> None:
    usual = replace(CALM, success=0.8, steady=0.8, lost={0: 0.2, 1: 0.2})
    found = effect(usual, usual)
    assert found.transition == 0.0
    assert found.steady == 1.0


def test_of_nothing_no_difference_is_made_up() -> None:
    silent = replace(CALM, success=0.0, steady=0.0, first_token_p95=None, served={}, usd={}, lost={})
    found = effect(silent, silent)
    assert (found.usd, found.first_token_p95, found.steady, found.worst_minute) == (None, None, 0.0, None)
