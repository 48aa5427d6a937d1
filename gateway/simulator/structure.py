"""What a workflow hangs on, as a fault tree: which domains have to fail together to stop it.

    workflow     OR over the routes it sends to: a step that fails, fails it
    route        AND over the deployments that may serve it: the last one left serves
    deployment   OR over its failure domains, and the deployment itself

Basic events are strings "kind:name", for the deployment itself "deployment:id". An AND of nothing always fails: so does
a route that no deployment may serve.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, Union

from gateway.config.exposure import embeds
from gateway.core.candidates import candidates
from gateway.core.model import Deployment, Domain, Route, Snapshot
from gateway.simulator.traffic import Source, shape, sources
from gateway.simulator.world import World

Node = Union["Gate", str]


@dataclass(frozen=True, slots=True)
class Gate:
    """Fails when all ("and") or any ("or") of its inputs have failed. `events` are the basic events below."""

    kind: Literal["and", "or"]
    inputs: tuple[Node, ...]
    events: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", frozenset(chain.from_iterable(map(events, self.inputs))))


def events(node: Node) -> frozenset[str]:
    """The basic events below, or the event itself."""
    return frozenset((node,)) if isinstance(node, str) else node.events


ALWAYS = Gate("and", ())
NEVER = Gate("or", ())

# From wide to narrow. One that takes down the same deployments as something wider mostly is another name for it.
_NARROW = ("account", "model", "deployment")


def fault_trees(snapshot: Snapshot, world: World) -> dict[str, Node]:
    """By workflow id. A workflow that sends nothing has none."""
    return {source.workflow.id: fault_tree(source) for source in sources(snapshot, world)}


def fault_tree(source: Source) -> Node:
    """Of one workflow, for the neediest of the requests it sends."""
    return simplest("or", (_route(route, source) for route in source.routes))


def _route(route: Route, source: Source) -> Node:
    # Whoever can serve a stream can serve the rest too, so streams decide where there are any.
    need, _ = shape(source.pattern.stream > 0.0 and not embeds(route), source.pattern.need)
    fitting = candidates(route, source.workflow.allow, need).deployments
    return simplest("and", (_deployment(deployment) for deployment in fitting))


def _deployment(deployment: Deployment) -> Node:
    return Gate("or", (*map(label, deployment.domains), f"deployment:{deployment.id}"))


def label(domain: Domain) -> str:
    return f"{domain.kind}:{domain.name}"


def domains(snapshot: Snapshot) -> tuple[Domain, ...]:
    """All that any deployment hangs on, in the order of the config."""
    return tuple(dict.fromkeys(domain for one in snapshot.deployments.values() for domain in one.domains))


def substitute(node: Node, stands_for: Mapping[str, Node]) -> Node:
    """The tree with some of its events replaced: by ALWAYS or NEVER where they are settled, or by what causes them."""
    if isinstance(node, str):
        return stands_for.get(node, node)
    if node.events.isdisjoint(stands_for):
        return node
    return simplest(node.kind, (substitute(one, stands_for) for one in node.inputs))


def simplest(kind: Literal["and", "or"], inputs: Iterable[Node]) -> Node:
    """The gate without what decides nothing."""
    decides, idle = (ALWAYS, NEVER) if kind == "or" else (NEVER, ALWAYS)
    kept = tuple(dict.fromkeys(one for one in inputs if one != idle))
    if decides in kept:
        return decides
    return kept[0] if len(kept) == 1 else Gate(kind, kept)


def readable(cut_sets: Iterable[tuple[str, ...]], tree: Node) -> tuple[tuple[str, ...], ...]:
    """The cut sets of a workflow's tree without those that say in narrower words what another says already.

    A deployment, and in sets of two and more an account or a model, is left out where something wider takes down the
    same: "vendor:a and vendor:b" is enough. Of single points only the deployment is: each of the rest is a different
    way to lose everything, which somebody has to own.
    """
    echoes = _echoes(tree)
    return tuple(
        cut
        for cut in cut_sets
        if not any(one in echoes and (len(cut) > 1 or one.startswith("deployment:")) for one in cut)
    )


def _echoes(tree: Node) -> frozenset[str]:
    """Narrow events for which there is a wider one below the same gates."""
    above: dict[str, set[Gate]] = defaultdict(set)
    _collect(tree, above)
    widest: dict[frozenset[Gate], int] = {}
    for event, gates in above.items():
        reach = frozenset(gates)
        widest[reach] = min(_narrowness(event), widest.get(reach, len(_NARROW)))
    return frozenset(event for event, gates in above.items() if _narrowness(event) > widest[frozenset(gates)])


def _narrowness(event: str) -> int:
    kind = event.partition(":")[0]
    return _NARROW.index(kind) if kind in _NARROW else -1


def _collect(node: Node, above: dict[str, set[Gate]]) -> None:
    if isinstance(node, str):
        return
    for one in node.inputs:
        if isinstance(one, str):
            above[one].add(node)
        else:
            _collect(one, above)
