"""What the tests of a request's state machine have in common: three deployments, and what an action must be."""

from gateway.core.actions import Action, Failed, Finish, Send, Wait
from gateway.core.health import HealthTable
from gateway.core.model import Deployment, Route
from gateway.core.outcome import Kind

from .build import deployment, failed

A, B, C = deployment("a"), deployment("b"), deployment("c")
ALONE = Route("chat", ((A,),))
ROUTE = Route("chat", ((A,), (B,), (C,)))
SERVER_ERROR = Failed(failed(Kind.SERVER_ERROR))


def sent(action: Action) -> Send:
    assert isinstance(action, Send), action
    return action


def finished(action: Action) -> Finish:
    assert isinstance(action, Finish), action
    return action


def waited(action: Action) -> float:
    assert isinstance(action, Wait), action
    return action.until


def down(health: HealthTable, *deployments: Deployment) -> HealthTable:
    for one in deployments:
        health.of(one).breaker.trip(0.0, "down")
    return health
