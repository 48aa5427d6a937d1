from dataclasses import replace

from gateway.core.breaker import LASTING_OPEN, Phase
from gateway.core.health import CallPermit, HealthTable
from gateway.core.model import Deployment, Domain
from gateway.core.outcome import OK, Kind

from .build import BREAKER, deployment, failed, table

ONE, TWO, THREE = (deployment(f"azure-{number}", "azure", maker="openai", region="eu") for number in (1, 2, 3))
DIRECT = deployment("direct", "openai", maker="openai", region="eu")
OTHER = deployment("other", "mistral", region="eu")
EVERYONE = (ONE, TWO, THREE, DIRECT, OTHER)
AZURE = Domain("vendor", "azure")


def healthy(*deployments: Deployment) -> HealthTable:
    health = table()
    for one in deployments or EVERYONE:
        health.of(one)
    return health


def admitted(health: HealthTable, one: Deployment, now: float) -> CallPermit:
    permit = health.admit(one, now, 0)
    assert isinstance(permit, CallPermit), permit
    return permit


def settle(health: HealthTable, permit: CallPermit, now: float, kind: Kind) -> None:
    outcome = OK if kind is Kind.OK else failed(kind)
    health.settle(permit, outcome, now, latency=0.1, stream=False, slow=False, used=0)


def trip(health: HealthTable, one: Deployment, now: float, kind: Kind = Kind.SERVER_ERROR) -> None:
    while health.of(one).breaker.phase is not Phase.OPEN:
        settle(health, admitted(health, one, now), now, kind)


def suspects(health: HealthTable) -> set[str]:
    return {f"{domain.kind}:{domain.name}" for domain in health.rollup.suspects}


# -- accusing --------------------------------------------------------------------------------------------------------


def test_one_that_trips_accuses_nobody() -> None:
    health = healthy()
    trip(health, ONE, 0.0)
    assert suspects(health) == set()


def test_two_that_trip_together_accuse_their_vendor_and_nobody_else() -> None:
    health = healthy()
    for one in (ONE, TWO):
        trip(health, one, 0.0)
    assert suspects(health) == {"vendor:azure"}
    reason = health.admit(THREE, 1.0, 0)
    assert reason == "vendor azure is suspected: server_error on azure-1 and azure-2"
    for one in (DIRECT, OTHER):
        assert isinstance(health.admit(one, 1.0, 0), CallPermit)


def test_unreachable_twice_at_one_vendor_says_nothing_about_a_region() -> None:
    health = healthy()
    for one in (ONE, TWO):
        trip(health, one, 0.0, Kind.UNREACHABLE)
    assert suspects(health) == {"vendor:azure"}


def test_two_vendors_of_one_maker_accuse_the_maker() -> None:
    health = healthy(ONE, DIRECT, THREE)
    for one in (ONE, DIRECT):
        trip(health, one, 0.0, Kind.OVERLOADED)
    assert suspects(health) == {"maker:openai"}
    assert isinstance(health.admit(THREE, 1.0, 0), str)


def test_trips_that_are_far_apart_or_of_other_kinds_do_not_add_up() -> None:
    health = healthy()
    trip(health, ONE, 0.0)
    trip(health, TWO, 31.0)
    assert suspects(health) == set()
    health = healthy()
    trip(health, ONE, 0.0, Kind.SERVER_ERROR)
    trip(health, TWO, 0.0, Kind.TIMEOUT)
    assert suspects(health) == set()


def test_busy_healthy_siblings_acquit_beforehand() -> None:
    siblings = [deployment(f"azure-{number}", "azure") for number in range(6)]
    health = healthy(*siblings)
    for one in siblings[2:]:
        settle(health, admitted(health, one, 0.0), 0.0, Kind.OK)
    for one in siblings[:2]:
        trip(health, one, 1.0)
    assert suspects(health) == set()


def test_siblings_that_were_busy_an_hour_ago_do_not() -> None:
    siblings = [deployment(f"azure-{number}", "azure") for number in range(6)]
    health = healthy(*siblings)
    for one in siblings[2:]:
        settle(health, admitted(health, one, 0.0), 0.0, Kind.OK)
    for one in siblings[:2]:
        trip(health, one, 3600.0)
    assert suspects(health) == {"vendor:azure"}


def test_a_refused_account_is_not_the_vendors_login_but_two_are() -> None:
    accounts = [deployment(f"azure-{number}", "azure", account=f"azure/{number // 2}") for number in range(4)]
    health = healthy(*accounts)
    for one in accounts[:2]:
        trip(health, one, 0.0, Kind.UNAUTHORIZED)
    assert suspects(health) == {"account:azure/0"}
    trip(health, accounts[2], 1.0, Kind.UNAUTHORIZED)
    assert suspects(health) == {"account:azure/0", "vendor:azure"}


# -- the shared probe ------------------------------------------------------------------------------------------------


def accused() -> tuple[HealthTable, float]:
    """Azure is suspected; the time at which it may be probed."""
    health = healthy()
    for one in (ONE, TWO):
        trip(health, one, 0.0)
    return health, health.rollup.suspects[AZURE].open_until


def test_siblings_share_one_probe() -> None:
    health, now = accused()
    four = deployment("azure-4", "azure", maker="openai")
    assert isinstance(health.admit(THREE, now - 0.01, 0), str)
    probe = admitted(health, THREE, now)
    assert health.admit(four, now, 0) == "vendor azure is suspected: server_error on azure-1 and azure-2"
    settle(health, probe, now, Kind.BAD_REQUEST)
    assert isinstance(health.admit(four, now, 0), CallPermit), "a neutral probe gives the slot back"


def test_a_bad_probe_keeps_the_domain_shut() -> None:
    health, now = accused()
    settle(health, admitted(health, THREE, now), now, Kind.SERVER_ERROR)
    assert isinstance(health.admit(THREE, now, 0), str)
    assert health.of(THREE).breaker.phase is Phase.CLOSED


def test_what_only_concerns_the_probes_account_does_not_accuse_the_vendor() -> None:
    health, now = accused()
    settle(health, admitted(health, THREE, now), now, Kind.NO_CREDIT)
    assert health.rollup.suspects[AZURE].phase is Phase.HALF_OPEN
    assert not health.rollup.suspects[AZURE].lasting


def test_one_good_probe_acquits() -> None:
    health, now = accused()
    settle(health, admitted(health, THREE, now), now, Kind.OK)
    assert suspects(health) == set()
    assert all(isinstance(health.admit(THREE, now, 0), CallPermit) for _ in range(5))
    assert health.of(ONE).breaker.phase is Phase.OPEN, "those that fell prove themselves one by one"


def test_the_first_token_acquits() -> None:
    health, now = accused()
    health.note_first_token(admitted(health, THREE, now), now)
    assert suspects(health) == set()


def test_an_answer_as_a_last_resort_acquits() -> None:
    health, _ = accused()
    permit = health.force(THREE, 1.0, 0)
    assert isinstance(permit, CallPermit)
    settle(health, permit, 2.0, Kind.OK)
    assert suspects(health) == set()


def test_an_answer_to_a_call_from_before_the_accusation_does_not() -> None:
    health = healthy()
    early, forced = admitted(health, THREE, 0.0), health.force(THREE, 0.0, 0)
    assert isinstance(forced, CallPermit)
    for one in (ONE, TWO):
        trip(health, one, 0.0)
    for permit in (early, forced):
        settle(health, permit, 3.0, Kind.OK)
    assert suspects(health) == {"vendor:azure"}


def test_an_answer_from_before_a_second_accusation_does_not() -> None:
    health, now = accused()
    early = admitted(health, THREE, now)
    settle(health, admitted(health, THREE, now + 60.0), now + 60.0, Kind.OK)
    for one in (ONE, TWO):
        health.of(one).breaker.reset(now + 61.0, "by hand")
        trip(health, one, now + 61.0)
    settle(health, early, now + 62.0, Kind.OK)
    assert suspects(health) == {"vendor:azure"}


def test_an_answer_from_before_a_failed_probe_does_not() -> None:
    health, now = accused()
    early = admitted(health, THREE, now)
    later = now + 60.0
    settle(health, admitted(health, THREE, later), later, Kind.SERVER_ERROR)
    settle(health, early, later, Kind.OK)
    assert suspects(health) == {"vendor:azure"}


def test_a_lasting_accusation_lasts() -> None:
    accounts = [deployment(f"azure-{number}", "azure", account=f"azure/{number}") for number in range(3)]
    health = healthy(*accounts)
    for one in accounts[:2]:
        trip(health, one, 0.0, Kind.UNAUTHORIZED)
    assert health.rollup.suspects[AZURE].open_until >= LASTING_OPEN


def test_a_suspect_follows_a_new_config() -> None:
    health, now = accused()
    health.adopt(replace(BREAKER, half_open_probes=2), EVERYONE)
    assert all(isinstance(health.admit(THREE, now, 0), CallPermit) for _ in range(2))
    assert isinstance(health.admit(THREE, now, 0), str)


def test_ramping_does_not_hide_a_suspicion() -> None:
    health, _ = accused()
    breaker = health.of(THREE).breaker
    breaker.trip(0.0, "earlier")
    now = breaker.open_until
    for _ in range(BREAKER.close_after):
        permit = breaker.admit(now)
        assert permit is not None
        breaker.first_token(permit, now)
    assert breaker.ramp_share(now) == 0.05
    health.rollup.suspects[AZURE].trip(now, "again")
    assert health.admit(THREE, now, 0) == "vendor azure is suspected: again"
