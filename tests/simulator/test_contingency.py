"""Verdicts that can be had by hand, and in any small config the same as its fault tree's."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.model import Deployment, Domain, Limits, Snapshot
from gateway.simulator.contingency import LONGEST, SHORTEST, contingencies, ground, how_many
from gateway.simulator.cutsets import minimal_cut_sets
from gateway.simulator.structure import fault_trees
from gateway.simulator.world import Pattern

from .calm import ALONE, CLAUDE, CLOUDS, SCANT, A, B, C, calm, cases, seen, tried, verdicts
from .exposed import REPEATABLE, deployment, snapshot, workflow

AWS = Domain("cloud", "aws")
ON_AWS = [deployment(name, Domain("vendor", name), AWS) for name in "ab"]


def test_each_single_loss_of_a_small_config() -> None:
    # chat has two vendors on one cloud and a third elsewhere, fast only the two, search only the third.
    config = snapshot(
        workflow("helpdesk", "chat"),
        workflow("coding", "fast"),
        workflow("research", "chat", "search"),
        routes={"chat": [*ON_AWS, C], "fast": ON_AWS, "search": [C]},
    )
    found = tried(config)
    assert {id_: verdicts(found, workflow=id_) for id_ in config.workflows} == {
        "helpdesk": {"vendor:a": "secure", "vendor:b": "secure", "vendor:c": "secure", "cloud:aws": "secure"},
        "coding": {"vendor:a": "secure", "vendor:b": "secure", "vendor:c": "secure", "cloud:aws": "lost"},
        "research": {"vendor:a": "secure", "vendor:b": "secure", "vendor:c": "lost", "cloud:aws": "secure"},
    }
    assert cases(found)["cloud:aws",].hits == ("a", "b")


def test_claude_from_four_vendors_has_one_single_point_of_failure_its_maker() -> None:
    tree = fault_trees(CLAUDE, calm(CLAUDE))["w"]
    assert [cut for cut in minimal_cut_sets(tree) if len(cut) == 1] == [("maker:anthropic",)]
    found = verdicts(tried(CLAUDE))
    assert found == {**{f"vendor:{name}": "secure" for name in CLOUDS}, "maker:anthropic": "lost"}


def test_one_dead_route_of_two_is_lost_however_much_the_other_serves() -> None:
    config = snapshot(workflow("w", "chat", "embed"), routes={"chat": [A, B], "embed": [B]})
    found = seen(tried(config, calm(config, {"w": Pattern(routes={"chat": 0.8, "embed": 0.2})})), "vendor:b")
    assert found.verdict == "lost"
    assert 0.7 < found.served < 0.9
    assert found.reasons[0] == "route embed has stopped"


def test_a_second_source_without_headroom_is_no_second_source() -> None:
    found = tried(SCANT)
    lost = seen(found, "vendor:a")
    assert lost.verdict == "degraded"
    assert lost.over_quota == ("b",)
    assert seen(found, "vendor:b").verdict == "secure"


@pytest.mark.parametrize("per_minute", [60, 900])
def test_a_quota_saved_up_does_not_pass_for_headroom(per_minute: int) -> None:
    half = replace(B, limits=Limits(rpm=per_minute // 2))
    config = snapshot(workflow("w"), routes={"chat": [A, half]})
    found = tried(config, calm(config, {"w": Pattern(per_minute=float(per_minute))}))
    assert seen(found, "vendor:a").verdict == "degraded"


def test_pairs_are_lost_at_once_and_one_after_the_other() -> None:
    config = snapshot(workflow("w"), routes={"chat": [A, B, C]})
    found = tried(config, pairs=3)
    alone, at_once, in_turn = (cases(found, kind) for kind in ("N-1", "N-2", "N-1-1"))
    assert len(alone) == len(at_once) == len(in_turn) == 3
    assert {case.hits for case in at_once.values()} == {("a", "b"), ("a", "c"), ("b", "c")}
    assert list(at_once) == list(in_turn)
    # The one with more traffic goes first.
    assert [lost[0] for lost in in_turn][:2] == ["vendor:a", "vendor:a"]
    both, after = seen(found, "vendor:a", "vendor:b", kind="N-2"), seen(found, "vendor:a", "vendor:b", kind="N-1-1")
    assert both.verdict == after.verdict == "secure"
    assert both.first_token_p95 is not None
    assert after.first_token_p95 is not None
    assert after.first_token_p95 < both.first_token_p95  # a's breaker is open by then


def test_pairs_left_out_are_counted_the_correlated_ones_come_first() -> None:
    config = snapshot(workflow("w"), routes={"chat": [C, *ON_AWS]})
    found = tried(config, pairs=1)
    (case,) = cases(found, "N-2").values()
    assert (case.lost, case.correlated) == (("vendor:a", "vendor:b"), "same cloud aws")
    assert found.left_out == 3  # c with a, with b, and with aws
    assert tried(config).left_out == 4
    assert tried(config, pairs=100).left_out == 0


def test_what_takes_down_the_same_is_simulated_once_and_told_for_each() -> None:
    domains = [Domain("vendor", "a"), Domain("maker", "m"), Domain("cloud", "aws")]
    config = snapshot(workflow("w"), routes={"chat": [deployment("a", *domains), B]})
    base = ground(config, calm(config), 1, 50)
    told: list[int] = []
    found = contingencies(base, ALONE, 0, told.append)
    assert sum(told) == how_many(base, 0) == 2
    assert set(verdicts(found)) == {"vendor:a", "vendor:b", "maker:m", "cloud:aws"}
    assert cases(found)["vendor:a",].effects == cases(found)["cloud:aws",].effects


def test_so_long_that_each_workflow_says_something() -> None:
    config = snapshot(workflow("often"), workflow("rarely"), routes={"chat": [A, B]})

    def seconds(often: float, rarely: float, requests: int) -> float:
        patterns = {"often": Pattern(per_minute=often), "rarely": Pattern(per_minute=rarely)}
        return ground(config, calm(config, patterns), 1, requests).seconds

    assert seconds(60, 60, 2000) == 2000
    assert seconds(90, 30, 2000) == 2000
    assert seconds(6000, 60, 2000) == SHORTEST
    assert seconds(600, 6, 2000) == 2000  # 200 of the rarest
    assert seconds(60, 0.01, 2000) == LONGEST
    assert seconds(0, 0, 2000) == 0.0


def test_a_workflow_too_rare_to_send_anything_has_no_effect() -> None:
    config = snapshot(workflow("w"), workflow("yearly"), routes={"chat": [A, B]})
    found = tried(config, calm(config, {"w": Pattern(per_minute=1.0), "yearly": Pattern(per_minute=1e-6)}), requests=1)
    assert {id_ for case in found.cases for id_ in case.effects} == {"w"}


def named(kind: str) -> st.SearchStrategy[Domain]:
    return st.builds(Domain, st.just(kind), st.sampled_from("xyz"))


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    rows = draw(st.lists(st.tuples(named("vendor"), named("maker"), named("cloud")), min_size=1, max_size=4))
    pool = [deployment(f"d{at}", *row) for at, row in enumerate(rows)]
    members = st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique_by=lambda one: one.id)
    routes = draw(st.lists(members, min_size=1, max_size=2))
    named_routes: dict[str, Iterable[Deployment]] = {f"r{at}": route for at, route in enumerate(routes)}
    return snapshot(workflow("w", *named_routes), workflow("v", "r0"), routes=named_routes)


@settings(REPEATABLE, max_examples=20)
@given(snapshots(), st.booleans())
def test_simulation_and_cut_sets_find_the_same_losses(config: Snapshot, unlucky: bool) -> None:
    """Lost by simulation: some minimal cut set lies within what was lost. Of one domain, and of two."""
    world = calm(config)
    if unlucky:
        world = replace(world, profiles={id_: replace(one, errors=0.002) for id_, one in world.profiles.items()})
    found = tried(config, world, requests=50, pairs=100)
    assert found.left_out == 0
    for id_, tree in fault_trees(config, world).items():
        cuts = minimal_cut_sets(tree)
        for case in found.cases:
            fatal = any(set(cut) <= set(case.lost) for cut in cuts)
            assert (case.effects[id_].verdict == "lost") == fatal, (id_, case)
        # And the other way round: what the tree calls a single point was tried and lost.
        alone = {case.lost for case in found.cases if case.kind == "N-1" and case.effects[id_].verdict == "lost"}
        assert alone == {cut for cut in cuts if len(cut) == 1 and not cut[0].startswith("deployment:")}
