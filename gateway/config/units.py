"""Durations and shares as people write them: `250ms`, `3s`, `5m`, `2h`, `1d`; `15%`."""

import re

DURATION_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$"
SHARE_PATTERN = r"^[0-9]{1,3}(\.[0-9]{1,9})?%$"

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def parse_duration(text: str) -> float | None:
    """Seconds, or None when the text is not a duration."""
    match = _DURATION.fullmatch(text)
    return float(match[1]) * _SECONDS[match[2]] if match else None


def parse_share(text: str) -> float | None:
    """0..1 for 0%..100%, or None when the text is not a percentage. It may lie above 1."""
    match = _SHARE.fullmatch(text)
    return float(match[1]) / 100 if match else None


def show_duration(seconds: float) -> str:
    """In the largest unit that needs no fraction, else in seconds."""
    milliseconds = round(seconds * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def show_share(share: float) -> str:
    return f"{round(share * 100, 9):.12g}%"
