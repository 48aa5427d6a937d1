from dataclasses import replace

import pytest

from gateway.core.decision import Decision
from gateway.core.model import ANONYMOUS, Need
from gateway.simulator.replay import UNKNOWN_INPUT, UNKNOWN_OUTPUT, replay
from gateway.simulator.run import run
from gateway.simulator.world import World

from .build import WORKFLOW, snapshot, world

CONFIG = snapshot()


def decision(
    at: float,
    id_: str = "1",
    *,
    workflow: str = WORKFLOW.id,
    route: str = "chat",
    stream: bool = False,
    outcome: str = "ok",
    input_tokens: int = 100,
    output_tokens: int = 50,
) -> Decision:
    return Decision(
        id=id_,
        request_id=id_,
        at=at,
        revision="revision",
        key="key",
        workflow=workflow,
        route=route,
        endpoint="chat",
        stream=stream,
        outcome=outcome,
        status=200,
        served_by="a",
        served_vendor="vendor-of-a",
        model="model",
        fallback=False,
        first_token=None,
        took=1.0,
        usd=0.0,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        attempts=(),
        rejected=(),
    )


def test_requests_come_as_they_came() -> None:
    found = replay([decision(1030.0, "b", stream=True), decision(1000.0, "c"), decision(1030.0, "a")], CONFIG)
    assert [(one.at, one.number, one.stream) for one in found.requests] == [
        (0.0, 0, False),
        (30.0, 1, False),
        (30.0, 2, True),
    ]
    assert {(one.workflow.id, one.route.name) for one in found.requests} == {("support", "chat")}
    assert [(one.need, one.resumable) for one in found.requests[1:]] == [(Need.NONE, False), (Need.STREAM, True)]
    assert found.notes == ("Replayed 3 requests of the ledger, over 0.5 minutes.",)
    assert found.snapshot is CONFIG


def test_each_workflow_counts_its_own() -> None:
    both = snapshot(workflows=(WORKFLOW, replace(WORKFLOW, id="other")))
    found = replay([decision(float(at), workflow="other" if at % 2 else "support") for at in range(4)], both)
    assert [(one.workflow.id, one.number) for one in found.requests] == [
        ("support", 0),
        ("other", 0),
        ("support", 1),
        ("other", 1),
    ]


def test_what_was_not_answered_asked_for_the_median_of_its_kind() -> None:
    answered = [decision(float(n), input_tokens=n * 10, output_tokens=n) for n in (1, 2, 9)]
    failed = decision(10.0, outcome="server_error", input_tokens=7, output_tokens=0)
    found = replay([*answered, failed], CONFIG)
    assert [(one.input_tokens, one.output_tokens) for one in found.requests] == [(10, 1), (20, 2), (90, 9), (20, 2)]
    alone = replay([failed], CONFIG).requests[0]
    assert (alone.input_tokens, alone.output_tokens) == (UNKNOWN_INPUT, UNKNOWN_OUTPUT)


def test_whatever_the_config_does_not_know_is_left_out_with_a_note() -> None:
    strangers = [decision(0.0, workflow="old"), decision(1.0, route="gone"), decision(2.0, workflow="old")]
    found = replay([*strangers, decision(100.0)], CONFIG)
    assert [one.at for one in found.requests] == [0.0], "the first that is known"
    assert found.notes == (
        "Replayed 1 requests of the ledger, over 0.0 minutes.",
        "3 requests were left out, since the config does not know their workflow or route: old/chat, support/gone.",
    )
    assert replay(strangers, CONFIG).requests == ()
    assert len(replay(strangers, CONFIG).notes) == 1


def test_callers_that_named_no_workflow_are_taken_in() -> None:
    found = replay([decision(0.0, workflow=ANONYMOUS.id), decision(1.0)], CONFIG)
    assert [one.workflow.id for one in found.requests] == ["anonymous", "support"]
    assert [*found.snapshot.workflows] == ["anonymous", "support"]
    assert ANONYMOUS.id not in CONFIG.workflows


def test_a_config_that_knows_the_anonymous_workflow_keeps_its_own() -> None:
    own = replace(ANONYMOUS, usd_per_minute=5.0)
    found = replay([decision(0.0, workflow=ANONYMOUS.id)], snapshot(workflows=(own,)))
    assert found.requests[0].workflow is own


def test_an_empty_ledger_is_said() -> None:
    assert replay([], CONFIG).notes == ("The ledger has no request in that time.",)


@pytest.mark.parametrize("given", [world(), World()])
def test_a_replay_can_be_run(given: World) -> None:
    found = replay([decision(1e9 + at, f"{at:03}", stream=at % 3 == 0) for at in range(100)], CONFIG)
    course = run(found.snapshot, given, (), found.requests, 1)
    assert sorted(record.began for record in course.records) == [float(at) for at in range(100)]
