"""A study as JSON, for programs."""

import orjson

from gateway.simulator.result import Study


def to_json(study: Study) -> bytes:
    """Every value, in the order of the types in `result`. Times without end are null."""
    return orjson.dumps(study, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
