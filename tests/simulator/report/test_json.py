import math
from dataclasses import asdict, replace

import orjson

from gateway.simulator.report.json import to_json
from tests.simulator.report.study import study


def test_every_value_is_there() -> None:
    written = to_json(study())
    assert orjson.loads(written) == orjson.loads(orjson.dumps(asdict(study())))
    assert written.startswith(b'{\n  "command"')
    assert written.endswith(b"}\n")
    assert written == to_json(study())


def test_a_time_without_end_is_null() -> None:
    scenario = replace(study().scenarios[0], duration=math.inf)
    assert orjson.loads(to_json(replace(study(), scenarios=(scenario,))))["scenarios"][0]["duration"] is None
