"""Values in words: one place, so that every form of the report says the same in the same way.

A figure of nothing is `NONE`. Units are joined by a no-break space. What is not quite all or nothing never reads
as if it were: 0.99999 is "> 99.99 %".
"""

import math
from collections.abc import Iterable, Sequence

from gateway.simulator.result import Bucket, Quantiles, SloVerdict, Verdict

NONE = "\u2013"
MINUS = "\u2212"
NBSP = "\u00a0"
# Told apart without colour.
GLYPHS: dict[Verdict, str] = {"secure": "✓", "degraded": "▲", "lost": "✕"}

_UNITS = (("s", 1.0, 120.0), ("min", 60.0, 120.0), ("h", 3600.0, 48.0), ("days", 86400.0, math.inf))


def share(value: float | None) -> str:
    """0.9942 -> "99.42 %"."""
    return _percent(value, digits=2)


def rough_share(value: float | None) -> str:
    """0.874 -> "87 %", for where many stand together."""
    return _percent(value, digits=0)


def money(usd: float) -> str:
    """To three digits from $1,000 on, to the cent below; less than a cent to two digits: "$1,230", "$4.20"."""
    sign = MINUS if usd < 0 else ""
    return f"{sign}${_amount(abs(usd))}"


def money_change(usd: float) -> str:
    return f"+{money(usd)}" if usd > 0 else money(usd)


def duration(seconds: float | None) -> str:
    """In the unit that fits: "0.34 s", "45 s", "12.5 min", "3 h", "4 days"; infinite is "for good"."""
    if seconds is None:
        return NONE
    if math.isinf(seconds):
        return "for good"
    unit, size = next((unit, size) for unit, size, upto in _UNITS if seconds < size * upto)
    return f"{digits(seconds / size, 2 if seconds < 1 else 1)}{NBSP}{unit}"


def minutes(value: float) -> str:
    """Always in minutes, for the columns of a table."""
    return f"{value:,.0f}" if value >= 100 else digits(value, 1)


def digits(value: float, places: int) -> str:
    """Rounded, without zeros at the end: 2.50 -> "2.5"."""
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS) if text != "-0" else "0"


def small(value: float | None) -> str:
    """A probability or a factor, to two digits: "0.0031", "1.2e-06"."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def quantiles(value: Quantiles | None) -> str:
    """p50 / p95 / p99 in seconds."""
    return " / ".join(f"{one:.2f}" for one in (value.p50, value.p95, value.p99)) if value else NONE


def domain(name: str) -> str:
    """ "vendor:openai" -> "vendor openai"."""
    return name.replace(":", " ", 1)


def together(names: Iterable[str]) -> str:
    """Domains that are lost at once."""
    return " + ".join(domain(name) for name in names)


def listed(words: Sequence[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def count(number: int, one: str, many: str = "") -> str:
    """ "no change", "1 change", "2 changes"."""
    return f"{f'{number:,}' if number else 'no'} {one if number == 1 else many or f'{one}s'}"


def counts(by_name: Iterable[tuple[str, int]]) -> str:
    """Each with its number, those of none left out: "timeout 12, cut 3"."""
    return ", ".join(f"{name} {number:,}" for name, number in by_name if number) or NONE


def promise(slo: SloVerdict) -> str:
    if slo.met is None:
        return "nothing promised or measured"
    return f"{GLYPHS['secure']} kept" if slo.met else f"{GLYPHS['lost']} missed: {'; '.join(slo.missed)}"


def step(timeline: Sequence[Bucket], whole: float) -> float:
    """Seconds between the steps of a timeline that lasts `whole` seconds."""
    return timeline[1].at - timeline[0].at if len(timeline) > 1 else whole


def _percent(value: float | None, digits: int) -> str:
    if value is None:
        return NONE
    text = f"{value:.{digits}%}"
    least = 10.0**-digits
    if text == f"{1:.{digits}%}":
        text = "100%" if value >= 1 else f"> {100 - least:.{digits}f}%"
    elif text == f"{0:.{digits}%}":
        text = "0%" if value <= 0 else f"< {least:.{digits}f}%"
    return f"{text[:-1]}{NBSP}%".replace("> ", f">{NBSP}").replace("< ", f"<{NBSP}")


def _amount(usd: float) -> str:
    if usd >= 1000:
        return f"{round(usd, 2 - math.floor(math.log10(usd))):,.0f}"
    if usd >= 100 or usd == 0:
        return f"{usd:,.0f}"
    places = 2 if usd >= 0.01 else 1 - math.floor(math.log10(usd))
    return f"{usd:.{places}f}"
