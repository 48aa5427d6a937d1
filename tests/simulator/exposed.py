"""Small configs for what is computed from their structure, and fault trees out of books."""

from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st

from gateway.core.model import Allow, Deployment, Domain, Need, Route, Snapshot, Workflow
from gateway.simulator.structure import Gate, Node

REPEATABLE = settings(derandomize=True, deadline=None, max_examples=80)
ALL = Need.TOOLS | Need.VISION | Need.JSON_SCHEMA | Need.STREAM
ANYONE = Allow()


def deployment(id_: str, *domains: Domain, can: Need = ALL, model: str = "model") -> Deployment:
    """On vendor `id_`, and nothing else, unless said otherwise."""
    hangs_on = domains or (Domain("vendor", id_),)
    return Deployment(id_, hangs_on[0].name, "maker", model, "openai", "http://127.0.0.1:1", hangs_on, can=can)


def snapshot(*workflows: Workflow, routes: dict[str, Iterable[Deployment]]) -> Snapshot:
    """Each route tries its deployments one after the other."""
    by_route = {name: tuple(members) for name, members in routes.items()}
    return Snapshot(
        "revision",
        {one.id: one for members in by_route.values() for one in members},
        {name: Route(name, tuple((one,) for one in members)) for name, members in by_route.items()},
        {workflow.id: workflow for workflow in workflows},
    )


def workflow(id_: str, *routes: str, allow: Allow = ANYONE, usd_per_minute: float = 1.0) -> Workflow:
    return Workflow(id_, "owner", routes=frozenset(routes), allow=allow, usd_per_minute=usd_per_minute)


def any_of(*inputs: Node) -> Gate:
    return Gate("or", inputs)


def all_of(*inputs: Node) -> Gate:
    return Gate("and", inputs)


# The reduced tree of the pressure tank: NUREG-0492, "Fault Tree Handbook" (1981), chapter VIII, with its figures.
PRESSURE_TANK = any_of("T", any_of("K2", all_of("S", any_of("S1", any_of("K1", "R")))))
PRESSURE_TANK_CHANCES = {"T": 5e-6, "K2": 3e-5, "S": 1e-4, "S1": 3e-5, "K1": 3e-5, "R": 1e-4}

# 1 and 2 lead to 4 and 5, 3 is the bridge between them: Rausand and Hoyland, "System Reliability Theory", on structure
# functions. Fails when every path fails.
BRIDGE = all_of(any_of("1", "4"), any_of("2", "5"), any_of("1", "3", "5"), any_of("2", "3", "4"))

EVENTS = "abcde"
TREES: st.SearchStrategy[Node] = st.recursive(
    st.sampled_from(EVENTS),
    lambda below: st.builds(Gate, st.sampled_from(("and", "or")), st.lists(below, max_size=3).map(tuple)),
    max_leaves=8,
)


def fails(node: Node, down: frozenset[str]) -> bool:
    """By the definition of the gates."""
    if isinstance(node, str):
        return node in down
    inputs = [fails(one, down) for one in node.inputs]
    return all(inputs) if node.kind == "and" else any(inputs)
