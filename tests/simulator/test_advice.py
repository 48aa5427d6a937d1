"""Advice is what was seen to help: the changed config, tried again, does as well as the advice says."""

from dataclasses import replace

from gateway.core.model import Allow, Snapshot
from gateway.simulator.advice import Judge, Stake, advise, stake
from gateway.simulator.analysis import year
from gateway.simulator.contingency import contingencies, ground
from gateway.simulator.jobs import Advance
from gateway.simulator.proposals import proposals
from gateway.simulator.result import Advice, Case
from gateway.simulator.world import World

from .calm import ALONE, CLAUDE, REQUESTS, SCANT, A, B, C, calm, seen, tried
from .exposed import deployment, snapshot, workflow

YEARS = 200
Found = tuple[tuple[Advice, ...], Advice | None]


def silent(title: str, steps: int) -> Advance:
    return lambda done: None


def advised(config: Snapshot, world: World | None = None) -> Found:
    base = ground(config, world or calm(config), 1, REQUESTS)
    found = contingencies(base, ALONE, 0).cases
    usd = year(config, base.world, found, base.seed, YEARS).total.usd_mean
    return advise(Judge(base, YEARS), stake(usd, found), found, ALONE, silent)


def after(config: Snapshot, title: str) -> Snapshot:
    """The config with the change of that title."""
    world = calm(config)
    (found,) = (one for one in proposals(config, world, tried(config).cases) if one.title == title)
    return found.snapshot


def test_what_is_secure_needs_no_advice() -> None:
    assert advised(snapshot(workflow("w"), routes={"chat": [A, B]})) == ((), None)


def test_a_quota_too_small_is_doubled_and_that_helps() -> None:
    (first,), together = advised(SCANT)
    assert together is None
    assert first.title == "double the quota of b"
    assert (first.not_secure_before, first.not_secure_after) == (1, 0)
    assert first.single_points_before == first.single_points_after == 0
    assert 0.0 <= first.at_stake_after < first.at_stake_before / 10
    again = tried(after(SCANT, first.title))
    assert seen(again, "vendor:a").verdict == "secure"
    assert seen(again, "vendor:a").over_quota == ()


def test_a_change_that_does_not_help_is_not_advised() -> None:
    # More quota in the config buys nothing that the vendor itself does not grant.
    world = calm(SCANT)
    stingy = replace(world, profiles={**world.profiles, "b": replace(world.profiles["b"], rpm=40)})
    assert [one.title for one in proposals(SCANT, stingy, tried(SCANT, stingy).cases)] == ["double the quota of b"]
    assert advised(SCANT, stingy) == ((), None)


def test_a_spare_removes_the_single_point() -> None:
    config = snapshot(workflow("w", "chat"), routes={"chat": [A], "fast": [B]})
    found, _ = advised(config)
    best = found[0]
    assert best.title == "let b stand in on route chat"
    assert (best.single_points_before, best.single_points_after) == (1, 0)
    assert best.at_stake_after < best.at_stake_before
    assert seen(tried(after(config, best.title)), "vendor:a").verdict == "secure"


def test_another_maker_is_what_claude_from_four_vendors_lacks() -> None:
    (only,), _ = advised(CLAUDE)
    assert only.title == "add a second source for route chat at another vendor"
    assert "of another maker" in only.needs
    assert (only.single_points_before, only.single_points_after) == (1, 0)
    assert seen(tried(after(CLAUDE, only.title)), "maker:anthropic").verdict == "secure"


def test_each_step_starts_where_the_one_before_has_ended() -> None:
    config = snapshot(workflow("w", "chat", "fast"), routes={"chat": [A], "fast": [B]})
    (first, second), together = advised(config)
    # Each route lends its deployment to the other.
    assert {first.title, second.title} == {"let b stand in on route chat", "let a stand in on route fast"}
    assert (first.not_secure_before, first.not_secure_after, second.not_secure_after) == (2, 1, 0)
    assert first.at_stake_before > first.at_stake_after == second.at_stake_before > second.at_stake_after
    assert together is not None
    assert together.title == "all of them together"
    assert (together.at_stake_before, together.at_stake_after) == (first.at_stake_before, second.at_stake_after)
    assert (together.not_secure_before, together.not_secure_after) == (2, 0)


def test_pairs_are_held_against_what_no_single_loss_hurts() -> None:
    config = snapshot(workflow("w", "chat"), routes={"chat": [A, B], "fast": [C]})
    base = ground(config, calm(config), 1, REQUESTS)
    found = contingencies(base, ALONE, 5).cases
    usd = year(config, base.world, found, base.seed, 5000).total.usd_mean
    (first, *_), _ = advise(Judge(base, 5000), stake(usd, found), found, ALONE, silent)
    assert (first.not_secure_before, first.not_secure_after) == (0, 0)
    assert first.at_stake_after < 0.9 * first.at_stake_before  # what is left falls with the group of all vendors


def test_advice_that_widens_a_rule_says_who_must_agree() -> None:
    narrow = workflow("w", "chat", allow=Allow({"vendor": frozenset("a")}))
    found, _ = advised(snapshot(narrow, routes={"chat": [A, B]}))
    assert found
    for one in found:
        assert "owner agrees" in one.needs
        assert "workflows:\n  w: {allow:" in one.change


def test_the_stake_counts_single_losses_only() -> None:
    config = snapshot(workflow("w"), workflow("v", "solo"), routes={"chat": [A, B], "solo": [A]})
    found = tried(config, pairs=5)
    assert any(case.kind == "N-2" for case in found.cases)
    # w has both routes and v only the one: both stop without a, neither without b.
    assert stake(7.0, found.cases) == Stake(7.0, not_secure=2, single_points=2)
    assert stake(7.0, [case for case in found.cases if case.kind != "N-1"]) == Stake(7.0, 0, 0)


def test_less_money_at_stake_is_better_then_fewer_losses() -> None:
    assert Stake(1.0, 9, 9) < Stake(2.0, 0, 0)
    assert Stake(1.0, 1, 9) < Stake(1.0, 2, 0)


def test_a_judge_sees_what_the_study_saw() -> None:
    config = snapshot(workflow("w"), routes={"chat": [A], "fast": [deployment("b")]})
    base = ground(config, calm(config), 1, REQUESTS)
    cases: tuple[Case, ...] = contingencies(base, ALONE, 0).cases
    usd = year(config, base.world, cases, base.seed, YEARS).total.usd_mean
    assert Judge(base, YEARS).verify(config) == (stake(usd, cases), cases)
    assert usd > 0.0
