"""Binary codes: packing, hexadecimal digits, random hyperplanes, and search by Hamming distance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.geometry import binary_codes, hamming, hyperplanes


def test_the_first_bit_is_the_most_significant_of_the_first_digit() -> None:
    bits = np.zeros((2, 10), np.bool_)
    bits[0, 0] = bits[1, 9] = True
    packed = binary_codes.packed(bits)
    assert binary_codes.as_hex(packed, 10) == ["800", "004"]
    assert [binary_codes.of_hex("800", 10), binary_codes.of_hex("004", 10)] == [row.tobytes() for row in packed]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_code_comes_back_from_its_digits(data: st.DataObject) -> None:
    n_bits = data.draw(st.integers(1, 300))
    rows = data.draw(st.lists(st.integers(0, 2**n_bits - 1), min_size=1, max_size=5))
    bits = np.array([[bool(row >> place & 1) for place in range(n_bits)] for row in rows])
    packed = binary_codes.packed(bits)
    digits = binary_codes.as_hex(packed, n_bits)
    assert [len(code) for code in digits] == [-(-n_bits // 4)] * len(rows)
    assert [binary_codes.of_hex(code, n_bits) for code in digits] == [row.tobytes() for row in packed]
    assert [binary_codes.of_hex(code.upper()) for code in digits] == [row.tobytes() for row in packed]
    number = int("".join("01"[int(bit)] for bit in bits[0]).ljust(4 * len(digits[0]), "0"), 2)
    assert int(digits[0], 16) == number


@pytest.mark.parametrize(
    ("code", "n_bits", "message"),
    [
        ("", None, "empty"),
        ("0x12", None, "hexadecimal"),
        ("1 2", None, "hexadecimal"),
        ("１2", None, "hexadecimal"),
        ("123", 128, "3 digits, and 128 bits are 32"),
        ("801", 10, "a bit behind its 10"),
        ("0" * 1025, None, "more than 4,096"),
    ],
)
def test_what_is_no_code_is_refused(code: str, n_bits: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        binary_codes.of_hex(code, n_bits)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 200), st.integers(0, 50), st.integers(0, 2**32 - 1), st.data())
def test_search_finds_what_comparing_bit_by_bit_finds(
    n_bits: int, n_codes: int, seed: int, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    bits = random.random((n_codes + 1, n_bits)) < random.random()
    packed = binary_codes.packed(bits)
    words = binary_codes.as_words([row.tobytes() for row in packed])
    radius = data.draw(st.integers(0, n_bits))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "_BLOCK", 7)
        numbers, distances = hamming.Codes(words[1:]).within(words[0], radius)
    expected = (bits[1:] != bits[0]).sum(axis=1)
    assert numbers.tolist() == np.flatnonzero(expected <= radius).tolist()
    assert distances.tolist() == expected[expected <= radius].tolist()


def test_the_share_of_different_bits_is_the_angle() -> None:
    """Charikar (2002): of 20,000 hyperplanes each separates two vectors with probability angle / pi. The bounds are six standard
    errors of a binomial."""
    n_bits, dimension = 20_000, 30
    random = np.random.default_rng(7)
    first = random.standard_normal(dimension)
    normals = hyperplanes.normals(n_bits, dimension, 3)
    for angle in (0.05, 0.3, 1.0, math.pi / 2, 2.5, math.pi):
        other = random.standard_normal(dimension)
        other -= first * (other @ first) / (first @ first)
        other *= np.linalg.norm(first) / np.linalg.norm(other)
        second = math.cos(angle) * first + math.sin(angle) * other
        bits = hyperplanes.bits(np.array([first, second], np.float32), normals)
        expected = angle / math.pi
        share = float((bits[0] != bits[1]).mean())
        assert share == pytest.approx(expected, abs=6 * math.sqrt(max(expected * (1 - expected), 1e-4) / n_bits))
        estimated = hyperplanes.estimated_cosine(np.array([(bits[0] != bits[1]).sum()]), n_bits)[0]
        assert estimated == pytest.approx(math.cos(angle), abs=0.04)


def test_the_normals_stay_the_same() -> None:
    """Codes that were written years ago are compared with new ones."""
    normals = hyperplanes.normals(3, 2, 1)
    np.testing.assert_allclose(
        normals, [[1.62434536, -0.61175641], [-0.52817175, -1.07296862], [0.86540763, -2.3015387]], atol=1e-8
    )
    assert (hyperplanes.normals(2, 2, 1) == normals[:2]).all()


def test_a_code_does_not_depend_on_the_batch() -> None:
    vectors = np.random.default_rng(1).standard_normal((500, 256)).astype(np.float32)
    normals = hyperplanes.normals(128, 256, 1)
    together = hyperplanes.bits(vectors, normals)
    alone = np.concatenate([hyperplanes.bits(vector[None], normals) for vector in vectors])
    assert (together == alone).all()
