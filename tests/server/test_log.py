import io
import logging

import orjson

from gateway.server.log import SinkHandler, make_log
from gateway.server.sink import Sink


def test_an_exception_is_logged_with_its_trace() -> None:
    out = io.BytesIO()
    sink = Sink(out)
    log = make_log("info", sink)
    try:
        raise ValueError("ours")
    except ValueError:
        log.exception("internal error", request_id="r1")
    log.debug("not at this level")
    sink.close()
    (line,) = out.getvalue().splitlines()
    event = orjson.loads(line)
    assert (event["event"], event["request_id"], event["level"]) == ("internal error", "r1", "error")
    assert "ValueError: ours" in event["exception"]


def test_what_the_http_server_says_goes_the_same_way() -> None:
    out = io.BytesIO()
    sink = Sink(out)
    SinkHandler(sink).emit(logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "Invalid %s", ("HTTP",), None))
    sink.close()
    assert orjson.loads(out.getvalue())["event"] == "Invalid HTTP"
