from gateway.emulator.wire import ApiError, Plain, Tag, edge_script, plain_head, stream_head


def _lines(head: bytes) -> list[str]:
    assert head.endswith(b"\r\n\r\n")
    return head.decode().removesuffix("\r\n\r\n").split("\r\n")


def test_a_plain_head_frames_its_body() -> None:
    lines = _lines(plain_head(Plain(b"12345", 529, headers={"retry-after": "2"}), Tag("req_1", 1.5)))
    assert lines[0] == "HTTP/1.1 529 Unknown"
    assert {"content-length: 5", "retry-after: 2", "x-request-id: req_1", "openai-processing-ms: 1501"} <= set(lines)


def test_limits_are_stated_once() -> None:
    head = plain_head(Plain(b"", headers={"x-ratelimit-limit-requests": "1"}), Tag("r"))
    assert head.count(b"x-ratelimit-limit-requests") == 1


def test_a_stream_head_is_chunked() -> None:
    lines = _lines(stream_head(Tag("r")))
    assert "transfer-encoding: chunked" in lines
    assert not any(line.startswith("content-length") for line in lines)


def test_an_edge_has_no_header_of_the_vendors() -> None:
    [data] = edge_script(530, "", b"")
    assert isinstance(data, bytes)
    assert [line.partition(":")[0] for line in _lines(data)[1:]] == ["server", "cf-ray", "content-length"]


def test_the_error_envelope() -> None:
    body = ApiError(400, "no", param="n", code="c").body()
    assert body == b'{"error":{"message":"no","type":"invalid_request_error","param":"n","code":"c"}}'
