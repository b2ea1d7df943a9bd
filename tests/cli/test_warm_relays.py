"""What is handed on between a run elsewhere and a descriptor here, whenever that run dies and is begun again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.cli.warm.relays import CHUNK, Feed, Relay

OUTPUT = st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\r", b"\n")), max_size=8)


@contextmanager
def a_relay() -> Iterator[tuple[Relay, int]]:
    """Give a relay to a pipe, and the end of that pipe to read from."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    relay = Relay(write_end)
    try:
        yield relay, read_end
    finally:
        relay.close()
        os.close(write_end)
        os.close(read_end)


def hand_on(relay: Relay, parts: list[bytes], *, pauses: bool) -> None:
    end = relay.open()
    for part in parts:
        os.write(end, part)
        relay.move()
        if pauses:
            relay.release()
    os.close(end)


def written(read_end: int) -> bytes:
    try:
        return os.read(read_end, CHUNK)
    except BlockingIOError:
        return b""


@given(OUTPUT, st.integers(0, 8), st.booleans())
def test_a_run_that_is_begun_again_writes_nothing_twice(parts: list[bytes], n_before: int, pauses: bool) -> None:
    with a_relay() as (relay, read_end):
        hand_on(relay, parts[:n_before], pauses=pauses)
        relay.drain()
        relay.begin_again()
        hand_on(relay, parts, pauses=False)
        relay.drain()
        relay.release()
        assert relay.fits
        assert written(read_end) == b"".join(parts)


def test_digits_may_differ_behind_a_line_and_not_within_one() -> None:
    with a_relay() as (relay, read_end):
        hand_on(relay, [b"0.123\n", b"0.4"], pauses=False)
        relay.drain()
        relay.begin_again()
        hand_on(relay, [b"0.124\n", b"0.457\n"], pauses=False)
        assert written(read_end) == b"0.123\n0.457\n"
        assert relay.fits
    with a_relay() as (relay, read_end):
        hand_on(relay, [b"0.123"], pauses=True)
        relay.begin_again()
        hand_on(relay, [b"0.124\n"], pauses=False)
        assert not relay.fits


def test_a_piece_of_a_line_waits_for_its_end_or_a_pause() -> None:
    with a_relay() as (relay, read_end):
        hand_on(relay, ["猫が".encode()], pauses=False)
        assert relay.holds and written(read_end) == b""
        relay.release()
        assert written(read_end) == "猫が".encode()


def test_nobody_reads() -> None:
    read_end, write_end = os.pipe()
    relay = Relay(write_end)
    end = relay.open()
    os.close(read_end)
    os.write(end, b"x\n")
    relay.move()
    assert relay.is_broken
    with pytest.raises(BrokenPipeError):
        os.write(end, b"y\n")


def test_a_feed_gives_all_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    given_parts = [b"a\n", b"b\n", b""]
    feed = Feed()
    for _ in range(2):
        end = feed.open()
        if given_parts:
            monkeypatch.setattr("nlptool.cli.warm.relays.os.read", lambda *_: given_parts.pop(0))
            for _ in range(3):
                feed.read()
            monkeypatch.undo()
        else:
            feed.write()
        assert os.read(end, CHUNK) == b"a\nb\n"
        assert os.read(end, CHUNK) == b""  # it is closed
        os.close(end)
        feed.begin_again()
