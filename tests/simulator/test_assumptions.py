from dataclasses import replace

from gateway.core.model import Workflow
from gateway.simulator.assumptions import of_contingencies, of_traffic, of_world
from gateway.simulator.world import Bursts, Daily, Loop, Pattern, Profile, World
from tests.core.build import deployment

from .build import CHAT, FLAT, SOLO, STEADY, WORKFLOW, A, snapshot, world


def test_each_workflow_that_sends_has_its_sentence() -> None:
    silent = Workflow("lost", "owner", routes=frozenset({"gone"}))
    (sentence,) = of_traffic(snapshot(workflows=(WORKFLOW, silent)), World(patterns={WORKFLOW.id: Pattern(12.5)}))
    assert sentence == (
        "support sends 12.5 requests a minute to chat, 50% of them streamed, "
        "with 600 (median; 1 in 20 above 3000) tokens in and 150 (median; 1 in 20 above 500) out."
    )


def test_what_is_special_about_the_traffic_is_said() -> None:
    special = replace(FLAT, loop=Loop(4), daily=Daily(swing=0.3), bursts=Bursts(600.0, 60.0, 5.0))
    config = snapshot(CHAT, SOLO, workflows=(replace(WORKFLOW, routes=frozenset()),))
    (sentence,) = of_traffic(config, World(patterns={WORKFLOW.id: special}))
    for part in ("to chat, solo", "a task of 4 calls", "swinging by 30% over the day", "bursts of 5 times as many"):
        assert part in sentence


def test_deployments_that_behave_alike_share_a_sentence() -> None:
    sentences = of_world(snapshot(), world())
    assert sum(sentence.startswith("a, b: first token 1 s") for sentence in sentences) == 1
    apart = of_world(snapshot(), World({"a": STEADY, "b": replace(STEADY, errors=0.125)}))
    assert [sentence[:3] for sentence in apart[:2]] == ["a: ", "b: "]
    assert "0.00% of calls fail" in apart[0]
    assert "12.50% of calls fail" in apart[1]


def test_each_bound_of_a_vendor_is_said() -> None:
    bounded = Profile(headroom=2.0, rpm=60, tpm=9000, concurrency=4)
    (sentence, *_) = of_world(snapshot(SOLO), World({A.id: bounded}))
    for part in ("load beyond 2 times", "60 requests a minute", "9000 tokens a minute", "4 calls at once"):
        assert part in sentence


def test_published_uptime_is_named_where_it_is_used() -> None:
    published = snapshot(replace(CHAT, tiers=((deployment("claude", "anthropic"),),)))
    assert any("published uptime" in sentence for sentence in of_world(published, World()))
    assert not any("published uptime" in sentence for sentence in of_world(snapshot(), World()))


def test_only_what_a_route_leads_to_is_described() -> None:
    spare = deployment("spare")
    config = replace(snapshot(SOLO), deployments={"a": A, "spare": spare})
    assert not any("spare" in sentence for sentence in of_world(config, World()))


def test_contingencies_say_how_much_each_was_tried() -> None:
    assert "about 4000 requests" in of_contingencies(4000)[1]
    assert all(sentence.endswith(".") for sentence in (*of_contingencies(1), *of_world(snapshot(), World())))
