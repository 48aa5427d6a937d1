"""Reading the ledger from the command line."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from gateway.config.load import load
from gateway.core.decision import Decision
from gateway.store.base import LedgerError, Total
from gateway.store.sql import SqlLedger

T = TypeVar("T")


def read_ledger(config: Path, ask: Callable[[SqlLedger], Awaitable[T]]) -> T:
    """What `ask` finds in the ledger that the config names. Ends the program with 1 where there is none."""
    snapshot, problems = load(config, os.environ)
    if snapshot is None:
        raise SystemExit("\n".join(str(problem) for problem in problems if problem.severity == "error"))
    return asyncio.run(_read(SqlLedger(snapshot.ledger_url), ask))


def decision_line(decision: Decision) -> str:
    at = datetime.fromtimestamp(decision.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    tried = " > ".join(f"{attempt.deployment}:{attempt.outcome}" for attempt in decision.attempts) or "nothing called"
    head = f"{at}  {decision.request_id}  {decision.workflow}/{decision.route}  {decision.outcome}"
    return f"{head}  {decision.took:.3f}s  ${decision.usd:.6f}  {tried}"


def total_line(total: Total) -> str:
    tokens = total.input_tokens + total.output_tokens
    head = f"{total.workflow}/{total.route}  {total.outcome}: {total.requests} requests"
    return f"{head}, {total.fallbacks} by fallback, {tokens} tokens, ${total.usd:.4f}"


async def _read(store: SqlLedger, ask: Callable[[SqlLedger], Awaitable[T]]) -> T:
    if not store.path.exists():
        raise SystemExit(f"there is no ledger at {store.path} yet")
    try:
        await store.open()
        return await ask(store)
    except LedgerError as error:
        raise SystemExit(f"the ledger cannot be read: {error}") from None
    finally:
        await store.close()
