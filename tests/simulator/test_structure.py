import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Allow, Domain, Need
from gateway.simulator.cutsets import minimal_cut_sets
from gateway.simulator.structure import (
    ALWAYS,
    NEVER,
    Gate,
    Node,
    domains,
    events,
    fault_trees,
    readable,
    substitute,
)
from gateway.simulator.world import Pattern, World

from .exposed import EVENTS, REPEATABLE, TREES, all_of, any_of, deployment, fails, snapshot, workflow

AZURE = Domain("cloud", "azure")
A = deployment("a", Domain("vendor", "a"), AZURE)
B = deployment("b", Domain("vendor", "b"), AZURE)
C = deployment("c", can=Need.NONE)
OF_A = any_of("vendor:a", "cloud:azure", "deployment:a")
OF_B = any_of("vendor:b", "cloud:azure", "deployment:b")
OF_C = any_of("vendor:c", "deployment:c")


def test_a_workflow_needs_each_of_its_routes_and_a_route_one_of_its_deployments() -> None:
    config = snapshot(workflow("w", "chat", "embed"), routes={"chat": [A, B], "embed": [A], "other": [C]})
    assert fault_trees(config, World()) == {"w": any_of(all_of(OF_A, OF_B), OF_A)}


def test_routes_with_the_same_deployments_are_one() -> None:
    config = snapshot(workflow("w"), routes={"chat": [A, B], "fast": [A, B]})
    assert fault_trees(config, World()) == {"w": all_of(OF_A, OF_B)}


def test_the_pattern_says_which_routes_and_what_they_need() -> None:
    config = snapshot(workflow("w"), routes={"chat": [A, C], "fast": [B]})
    assert fault_trees(config, World(patterns={"w": Pattern(routes={"chat": 1.0})})) == {"w": OF_A}
    plain = Pattern(routes={"chat": 1.0}, stream=0.0)
    assert fault_trees(config, World(patterns={"w": plain})) == {"w": all_of(OF_A, OF_C)}
    with_tools = Pattern(routes={"chat": 1.0}, stream=0.0, need=Need.TOOLS)
    assert fault_trees(config, World(patterns={"w": with_tools})) == {"w": OF_A}


def test_vectors_are_not_streamed() -> None:
    vectors = deployment("c", can=Need.NONE, model="text-embedding-3-small")
    assert fault_trees(snapshot(workflow("w"), routes={"embed": [vectors]}), World()) == {"w": OF_C}
    assert fault_trees(snapshot(workflow("w"), routes={"chat": [C]}), World()) == {"w": ALWAYS}


def test_a_route_that_nobody_may_serve_has_always_failed() -> None:
    nobody = Allow({"vendor": frozenset({"d"})})
    config = snapshot(workflow("w", allow=nobody), workflow("free"), routes={"chat": [A]})
    assert fault_trees(config, World()) == {"w": ALWAYS, "free": OF_A}
    assert minimal_cut_sets(ALWAYS) == ((),)


def test_a_workflow_that_sends_nothing_has_no_tree() -> None:
    config = snapshot(workflow("w"), routes={"chat": [A]})
    assert fault_trees(config, World(patterns={"w": Pattern(per_minute=0.0)})) == {}


def test_domains_come_once_in_the_order_of_the_config() -> None:
    config = snapshot(workflow("w"), routes={"chat": [A, B]})
    assert domains(config) == (Domain("vendor", "a"), AZURE, Domain("vendor", "b"))


@REPEATABLE
@given(TREES, st.dictionaries(st.sampled_from(EVENTS), st.booleans()), st.frozensets(st.sampled_from(EVENTS)))
def test_settled_events_leave_a_tree_of_the_others(tree: Node, settled: dict[str, bool], down: frozenset[str]) -> None:
    left = substitute(tree, {event: ALWAYS if failed else NEVER for event, failed in settled.items()})
    assert not events(left) & settled.keys()
    known = frozenset(event for event, failed in settled.items() if failed)
    assert fails(left, down) == fails(tree, down - settled.keys() | known)


def test_one_event_can_settle_all() -> None:
    assert substitute(any_of("a", all_of("b", "c")), {"a": ALWAYS}) == ALWAYS
    assert substitute(all_of("a", any_of("b", "c")), {"b": NEVER, "c": NEVER}) == NEVER
    assert substitute(all_of("a", any_of("b", "c")), {"b": ALWAYS}) == "a"


def test_events_can_be_replaced_by_what_causes_them() -> None:
    assert substitute(all_of("a", any_of("b", "c")), {"b": any_of("x", "y")}) == all_of(
        "a", any_of(any_of("x", "y"), "c")
    )


def single(*kinds: str) -> Gate:
    return any_of(*(f"{kind}:x" for kind in kinds), "deployment:x")


def test_single_points_are_listed_each_but_for_the_deployment_itself() -> None:
    tree = single("vendor", "maker", "model", "account", "region")
    found = readable(minimal_cut_sets(tree), tree)
    assert found == (("account:x",), ("maker:x",), ("model:x",), ("region:x",), ("vendor:x",))


def test_a_pair_is_told_by_its_widest_names() -> None:
    tree = all_of(
        any_of("vendor:a", "account:a/1", "model:m", "deployment:a1"),
        any_of("vendor:b", "cloud:c", "account:b/1", "model:n", "deployment:b1"),
    )
    assert readable(minimal_cut_sets(tree), tree) == (("cloud:c", "vendor:a"), ("vendor:a", "vendor:b"))


def test_what_no_wider_name_says_stays() -> None:
    two = [any_of("vendor:a", f"account:{n}", f"model:{n}", f"deployment:{n}") for n in (1, 2)]
    tree = all_of(*two)
    assert readable(minimal_cut_sets(tree), tree) == (("vendor:a",), ("account:1", "account:2"))


@pytest.mark.parametrize("kind", ["account", "model", "deployment"])
def test_a_narrow_name_alone_stays(kind: str) -> None:
    tree = all_of(any_of(f"{kind}:1"), any_of("vendor:b"))
    assert readable(minimal_cut_sets(tree), tree) == ((f"{kind}:1", "vendor:b"),)
