from gateway.core.outcome import NO_USAGE, RULES, Kind, Signal, Usage


def test_every_kind_has_its_rule() -> None:
    assert set(RULES) == set(Kind)


def test_what_is_asked_again_may_also_be_asked_elsewhere() -> None:
    assert all(rule.fall_back for rule in RULES.values() if rule.retry_same)


def test_only_what_speaks_of_a_vendor_accuses_a_domain() -> None:
    assert {kind for kind, rule in RULES.items() if rule.rolls_up and rule.signal is Signal.SUCCESS} == set()
    for kind in (Kind.BAD_REQUEST, Kind.TOO_LONG, Kind.REFUSED, Kind.CLIENT_GONE, Kind.DEADLINE):
        assert RULES[kind].signal is Signal.NEUTRAL
        assert RULES[kind].rolls_up == ()
        assert not RULES[kind].retry_same


def test_what_is_certain_and_lasting_is_never_asked_again() -> None:
    assert not any(rule.retry_same for rule in RULES.values() if rule.signal is Signal.TRIP)


def test_usage_adds_up_and_stays_an_estimate() -> None:
    total = Usage(3, 4) + Usage(10, 20, estimated=True) + NO_USAGE
    assert total == Usage(13, 24, estimated=True)
