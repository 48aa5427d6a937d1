"""The words between a request's state machine and whoever performs it: what is asked, what to do, what happened.

Tuples, not frozen dataclasses: several are made for each request, and a tuple takes a third of the time.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from gateway.core.health import CallPermit
from gateway.core.model import Allow, Deployment, Need, Route
from gateway.core.outcome import CLIENT_GONE, NO_USAGE, Outcome, Usage

Mode = Literal["fresh", "prefill", "instruct"]


class Ask(NamedTuple):
    """One request, as far as routing goes. `tokens` estimates input and output; `deadline` is seconds from the start.

    `resumable`: plain text, one choice, no tools, no schema, so that an interrupted stream could be continued.
    """

    route: Route
    workflow: str
    allow: Allow
    need: Need
    tokens: int
    stream: bool
    resumable: bool
    deadline: float


# -- what to do ------------------------------------------------------------------------------------------------------


class Send(NamedTuple):
    """Call `deployment`. All `_by` are points in time; `stall` is the longest silence (seconds) once tokens flow.

    `mode` says how to ask: "fresh" for the request itself, the others for the rest of an interrupted answer.
    """

    deployment: Deployment
    permit: CallPermit
    connect_by: float
    first_token_by: float
    finish_by: float
    stall: float
    mode: Mode


class Wait(NamedTuple):
    until: float


@dataclass(frozen=True, slots=True)
class Commit:
    """Begin to answer the app: from here on the reply is this deployment's."""


class Finish(NamedTuple):
    """Over. `served` is whose answer the app got, if one was begun."""

    outcome: Outcome
    served: Deployment | None


Action = Send | Wait | Commit | Finish

# -- what happened ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FirstToken:
    """The first meaningful event of a stream: not a role, not a ping."""


class Done(NamedTuple):
    """The reply is whole, and was judged good."""

    usage: Usage = NO_USAGE


class Failed(NamedTuple):
    outcome: Outcome
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Woke:
    """The time waited for has come."""


class ClientGone(NamedTuple):
    """There is nobody to answer any more; `outcome` says whose doing that was."""

    usage: Usage = NO_USAGE
    outcome: Outcome = CLIENT_GONE


Event = FirstToken | Done | Failed | Woke | ClientGone
