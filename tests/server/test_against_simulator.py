"""The simulator against what it simulates: a real gateway process in front of emulated vendors, over sockets.

The same config, the same faults at the same times and the very same requests, once in real time and once in virtual
time. What is compared is what a study reports: the share that was served, and by whom.

The bound. Of n requests of a route a share p is served. If each is served or not by itself, the share seen has the
standard deviation sqrt(p (1 - p) / n). What breakers do makes requests fail together, and then it is larger: how much,
the spread s of the simulator's own shares over its k seeds says, whose mean errs by s / sqrt(k) besides. So the live
share lies within z * sqrt(max(p (1 - p) / n, s^2) + s^2 / k) of the simulated mean, and z = 3.9 leaves out 1e-4 of a
normal distribution: the eight comparisons fail together in less than one of a thousand runs. RESOLUTION is added for
what no model of chance covers: a process that gets its CPU late moves requests across the edges of the outage.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, NamedTuple
from unittest.mock import patch

import aiohttp
import pytest

from gateway.config.load import load
from gateway.core.fault import Fault, FaultKind, Selector
from gateway.core.model import Snapshot
from gateway.core.outcome import Kind
from gateway.emulator.fault import Fault as Misbehaviour
from gateway.emulator.server import EmulatedVendor, Pacing, VendorSettings
from gateway.simulator import vendor
from gateway.simulator.run import run
from gateway.simulator.traffic import Request, generate
from gateway.simulator.world import Lognormal, Pattern, Profile, World
from tests.running import running_gateway

SECONDS = 6.0
PER_SECOND = 280.0
OUTAGE = (1.5, 3.5)
SEEDS = range(20)
Z = 3.9
RESOLUTION = 0.005
AT_ONCE = 150  # requests

WORDS = 10
FIRST_TOKEN, SPEED = 0.04, 200.0  # seconds, words a second
PACE = Pacing(first_token_ms=FIRST_TOKEN * 1000, tokens_per_second=SPEED)
SAYS_NO_AFTER = 0.003  # seconds: an emulated vendor that fails says so at once
VENDORS = ("lonely", "shaky", "steady", "mortal", "spare")
ROUTES = {"alone": ["lonely"], "tiers": ["shaky", "steady"], "outage": ["mortal", "spare"]}
ERRORS = {"lonely": 0.3, "shaky": 0.5, "steady": 0.1, "spare": 0.2}
HANGS = {"lonely": 0.03}


def config(vendors: Sequence[EmulatedVendor]) -> dict[str, Any]:
    timeouts = {"connect": "1s", "first_token": "1500ms", "stall": "1s", "total": "1500ms"}
    deployments = {
        one.name: {"vendor": one.name, "base_url": one.base_url, "model": one.name, "timeouts": timeouts}
        | {"price": {"input": 1, "output": 2}}
        for one in vendors
    }
    return {
        "vendors": {one.name: {} for one in vendors},
        "deployments": deployments,
        "routes": {
            name: {"tiers": [[one] for one in members], "attempts": 2, "deadline": "5s"}
            for name, members in ROUTES.items()
        },
        "workflows": {name: {"owner": "owner@example.com", "routes": [name]} for name in ROUTES},
        # Only the outage trips a breaker: where chance does, two runs differ so much that nothing could be compared.
        "breaker": {"consecutive": 15, "failure_share": "70%", "minimum_calls": 50, "open": "500ms", "ramp": "1s"},
    }


class Seen(NamedTuple):
    """One request. `ended` is seconds since the beginning; `served` is "" where there was no whole answer."""

    route: str
    ended: float
    served: str


# -- in virtual time ---------------------------------------------------------------------------------------------------


def world() -> World:
    words = Lognormal(WORDS, WORDS)
    profile = Profile(Lognormal(FIRST_TOKEN, FIRST_TOKEN), Lognormal(SPEED, SPEED), errors=0.0, headroom=None)
    per_minute = PER_SECOND * 60.0 / len(ROUTES)
    patterns = {name: Pattern(per_minute, {name: 1.0}, stream=0.4, input=words, output=words) for name in ROUTES}
    return World(dict.fromkeys(VENDORS, profile), patterns)


def faults() -> list[Fault]:
    def errors(name: str, share: float, kind: Kind) -> Fault:
        return Fault(FaultKind.ERRORS, Selector({"deployment": (name,)}), share=share, mix=((kind, 1.0),))

    failing = [errors(name, share, Kind.SERVER_ERROR) for name, share in ERRORS.items()]
    hanging = [errors(name, share, Kind.TIMEOUT) for name, share in HANGS.items()]
    start, end = OUTAGE
    down = Fault(FaultKind.OUTAGE, Selector({"deployment": ("mortal",)}), start, end, mix=((Kind.SERVER_ERROR, 1.0),))
    return [*failing, *hanging, down]


def simulated(snapshot: Snapshot, requests: Sequence[Request], seed: int) -> list[Seen]:
    with patch.object(vendor, "ERROR_AFTER", SAYS_NO_AFTER):
        course = run(snapshot, world(), faults(), requests, seed)
    return [Seen(record.route, record.began + record.took, record.served) for record in course.records]


# -- in real time ------------------------------------------------------------------------------------------------------


async def lived(base_url: str, requests: Sequence[Request], mortal: EmulatedVendor) -> list[Seen]:
    """Each request at its time, at most AT_ONCE of them under way."""
    loop = asyncio.get_running_loop()
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(base_url + "/", connector=connector) as session:
        began = loop.time()
        start, end = (began + at for at in OUTAGE)
        loop.call_at(start, mortal.faults.add, Misbehaviour("internal_error"))
        loop.call_at(end, mortal.faults.clear)
        async with asyncio.TaskGroup() as group:
            tasks = []
            for request in requests:
                await asyncio.sleep(began + request.at - loop.time())
                tasks.append(group.create_task(ask(session, request)))
    return [Seen(route, ended - began, served) for route, ended, served in (task.result() for task in tasks)]


async def ask(session: aiohttp.ClientSession, request: Request) -> Seen:
    messages = [{"role": "user", "content": f"[[words:{request.output_tokens}]]"}]
    asked = {"model": request.route.name, "messages": messages, "stream": request.stream}
    async with session.post("chat/completions", json=asked) as reply:
        body = await reply.read()
        whole = reply.status == 200 and (not request.stream or body.endswith(b"data: [DONE]\n\n"))
        served = reply.headers["x-gateway-deployment"] if whole else ""
    return Seen(request.route.name, asyncio.get_running_loop().time(), served)


# -- the comparison ----------------------------------------------------------------------------------------------------


def shares(seen: Sequence[Seen]) -> dict[tuple[str, str], float]:
    """By route, and by route and deployment: the share of the route's requests."""
    asked = Counter(one.route for one in seen)
    served = Counter((one.route, one.served) for one in seen if one.served)
    found = {(route, name): served[route, name] / asked[route] for route, names in ROUTES.items() for name in names}
    return found | {(route, "anyone"): sum(found[route, name] for name in names) for route, names in ROUTES.items()}


def failed_over(seen: Sequence[Seen]) -> float:
    """Seconds from the outage to the first answer of the spare one."""
    return min(one.ended for one in seen if one.served == "spare" and one.ended > OUTAGE[0]) - OUTAGE[0]


def bound(simulated: Sequence[float], requests: int) -> float:
    share, spread = fmean(simulated), pstdev(simulated)
    variance = max(share * (1.0 - share) / requests, spread**2) + spread**2 / len(simulated)
    return Z * math.sqrt(variance) + RESOLUTION


async def test_the_simulator_tells_what_the_gateway_does(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        vendors = [
            await stack.enter_async_context(EmulatedVendor(VendorSettings(name=name, seed=1, pacing=PACE)))
            for name in VENDORS
        ]
        for one in vendors:
            for kind, share in (("internal_error", ERRORS.get(one.name)), ("blackhole", HANGS.get(one.name))):
                if share:
                    one.faults.add(Misbehaviour(kind, share=share))
        gateway = await stack.enter_async_context(running_gateway(tmp_path, config(vendors)))
        snapshot, problems = load(gateway.config, {})
        assert snapshot is not None, problems
        requests = generate(snapshot, world(), 1, SECONDS)
        studies = [simulated(snapshot, requests, seed) for seed in SEEDS]
        (mortal,) = [one for one in vendors if one.name == "mortal"]
        reality = await lived(gateway.base_url, requests, mortal)

    asked = Counter(request.route.name for request in requests)
    found, told = shares(reality), [shares(study) for study in studies]
    for (route, name), share in found.items():
        expected = [study[route, name] for study in told]
        assert share == pytest.approx(fmean(expected), abs=bound(expected, asked[route])), f"{route}: {name}"
    assert failed_over(reality) == pytest.approx(fmean(failed_over(study) for study in studies), abs=0.3)
