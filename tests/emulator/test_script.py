from gateway.emulator.script import End, Pause, chunked, merged, trickled


def test_frames_become_chunks_and_the_last_chunk_ends_them() -> None:
    assert list(chunked([b"0123456789abcdef", Pause(1.0), b"x"])) == [
        b"10\r\n0123456789abcdef\r\n",
        Pause(1.0),
        b"1\r\nx\r\n",
        b"0\r\n\r\n",
    ]


def test_an_ending_leaves_the_body_unfinished() -> None:
    assert list(chunked([b"x", End.CLOSE, b"y"])) == [b"1\r\nx\r\n", End.CLOSE]


def test_merging_joins_neighbours_only() -> None:
    assert merged([b"a", b"b", Pause(1.0), b"c", b"d", End.HANG]) == [b"ab", Pause(1.0), b"cd", End.HANG]
    assert merged([]) == []


def test_a_trickle_waits_before_each_byte() -> None:
    assert list(trickled(b"ab", 0.5)) == [Pause(0.5), b"a", Pause(0.5), b"b"]
