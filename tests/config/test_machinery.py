from gateway.config.machinery import BreakerEntry, LedgerEntry, RetryBudgetEntry, StateEntry
from gateway.core.model import BreakerSettings, RetryBudgetSettings, Snapshot


def test_the_defaults_are_the_core_s() -> None:
    empty = Snapshot("r", {}, {}, {})
    assert BreakerSettings(**BreakerEntry().model_dump()) == BreakerSettings()
    assert RetryBudgetSettings(**RetryBudgetEntry().model_dump()) == RetryBudgetSettings()
    assert (LedgerEntry().url, StateEntry().url) == (empty.ledger_url, empty.state_url)


def test_shares_and_durations_are_read_in_the_file_s_units() -> None:
    entry = BreakerEntry.model_validate({"failure_share": "25%", "open": "250ms", "open_max": "2m", "ramp": "0s"})
    assert (entry.failure_share, entry.open, entry.open_max, entry.ramp) == (0.25, 0.25, 120.0, 0.0)
