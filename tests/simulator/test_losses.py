from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Deployment, Domain, Snapshot
from gateway.simulator.losses import Loss, Pair, pairs, single_losses
from gateway.simulator.structure import label
from gateway.simulator.world import Group, World

from .calm import CLAUDE, MADE_BY_ANTHROPIC, A, B, C
from .exposed import REPEATABLE, deployment, snapshot, workflow

WORLD = World()


def pool(kind: str) -> st.SearchStrategy[Domain]:
    return st.builds(Domain, st.just(kind), st.sampled_from("xyz"))


DEPLOYMENTS = st.tuples(pool("vendor"), pool("maker"), pool("cloud"))
SNAPSHOTS = st.lists(DEPLOYMENTS, min_size=1, max_size=5).map(
    lambda rows: snapshot(workflow("w"), routes={"chat": [deployment(str(at), *row) for at, row in enumerate(rows)]})
)


def one_cloud(*members: str) -> list[Deployment]:
    return [deployment(name, Domain("vendor", name), Domain("cloud", "aws")) for name in members]


def names(found: list[Pair]) -> list[tuple[str, str]]:
    return [(label(pair.first.domain), label(pair.second.domain)) for pair in found]


def test_each_domain_that_a_route_hangs_on_is_lost_once_with_all_that_hang_on_it() -> None:
    config = snapshot(routes={"chat": [*one_cloud("b", "a"), C], "fast": [C]})
    assert single_losses(config) == [
        Loss(Domain("vendor", "b"), ("b",)),
        Loss(Domain("vendor", "a"), ("a",)),
        Loss(Domain("vendor", "c"), ("c",)),
        Loss(Domain("cloud", "aws"), ("a", "b")),
    ]


def test_what_no_route_leads_to_cannot_be_missed() -> None:
    idle = Snapshot("revision", {"a": A, "b": B}, snapshot(routes={"chat": [A]}).routes, {})
    assert [loss.hits for loss in single_losses(idle)] == [("a",)]
    assert single_losses(snapshot(routes={})) == []


def test_of_domains_that_take_down_the_same_one_stands_for_all() -> None:
    a = deployment("a", Domain("vendor", "a"), Domain("region", "us"), Domain("cloud", "azure"))
    config = snapshot(routes={"chat": [a, B]})
    assert names(pairs(config, WORLD, {})) == [("vendor:a", "vendor:b")]


def test_a_pair_that_holds_one_loss_twice_says_nothing_new() -> None:
    assert names(pairs(snapshot(routes={"chat": [*one_cloud("a", "b"), C]}), WORLD, {})) == [
        ("vendor:a", "vendor:b"),
        ("vendor:a", "vendor:c"),
        ("vendor:b", "vendor:c"),
        ("vendor:c", "cloud:aws"),
    ]


def test_what_is_correlated_comes_first_then_what_carries_the_most() -> None:
    config = snapshot(routes={"chat": [A, *one_cloud("b", "c"), deployment("d")]})
    world = World(groups=(Group("shared staff", (Domain("vendor", "c"), Domain("vendor", "d"))),))
    found = pairs(config, world, {"a": 70.0, "d": 30.0})
    assert [(*names([pair])[0], pair.correlated) for pair in found if pair.first.domain.kind == "vendor"][:3] == [
        ("vendor:d", "vendor:c", "group shared staff"),
        ("vendor:b", "vendor:c", "same cloud aws"),
        ("vendor:a", "vendor:d", ""),
    ]


def test_the_closest_tie_is_named() -> None:
    edge, cloud = Domain("edge", "cdn"), Domain("cloud", "aws")
    both = [deployment(name, Domain("vendor", name), cloud, edge) for name in "ab"]
    (first, *_) = pairs(snapshot(routes={"chat": [*both, C]}), WORLD, {})
    assert first.correlated == "same edge cdn"


def test_one_maker_ties_all_its_vendors() -> None:
    found = pairs(CLAUDE, WORLD, {})
    assert len(found) == 6
    assert {pair.correlated for pair in found} == {f"same maker {MADE_BY_ANTHROPIC.name}"}


def test_a_group_may_use_another_name_of_the_same_loss() -> None:
    rows = {"a": "aws", "b": "azure"}
    config = snapshot(
        routes={"chat": [deployment(id_, Domain("vendor", id_), Domain("cloud", on)) for id_, on in rows.items()]}
    )
    world = World(groups=(Group("clouds", (Domain("cloud", "aws"), Domain("cloud", "azure"))),))
    (pair,) = pairs(config, world, {})
    assert names([pair]) == [("vendor:a", "vendor:b")]
    assert pair.correlated == "group clouds"


@REPEATABLE
@given(SNAPSHOTS, st.dictionaries(st.sampled_from("01234"), st.floats(0, 100)))
def test_every_two_different_losses_are_paired_once(config: Snapshot, load: dict[str, float]) -> None:
    found = [(set(pair.first.hits), set(pair.second.hits)) for pair in pairs(config, WORLD, load)]
    known = {loss.hits for loss in single_losses(config)}
    wanted = {
        frozenset((one, other))
        for one in known
        for other in known
        if not (set(one) <= set(other) or set(other) <= set(one))
    }
    assert len(found) == len(wanted)
    assert {frozenset((tuple(sorted(one)), tuple(sorted(other)))) for one, other in found} == wanted
    for one, other in found:
        assert sum(load.get(id_, 0.0) for id_ in one) >= sum(load.get(id_, 0.0) for id_ in other)
