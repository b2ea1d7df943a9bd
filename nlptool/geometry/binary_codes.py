"""Binary codes: bits packed into bytes, hexadecimal digits, or 64-bit words.

The first bit of a code is the most significant bit of its first digit. A number of bits that is no multiple of 4 leaves the last
bits of the last digit 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_BITS = 4096
"""Bits of the longest code."""

_DIGITS = re.compile(r"[0-9a-fA-F]+")
_WORD = 8  # bytes


def packed(bits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return codes (N, B) bool as bytes, (N, ceil(B / 8)); the bits that fill the last byte are 0."""
    return np.packbits(bits, axis=1)


def n_digits(n_bits: int) -> int:
    """Return the number of hexadecimal digits of a code."""
    return -(-n_bits // 4)


def as_hex(codes: NDArray[np.uint8], n_bits: int) -> list[str]:
    """Return packed codes (N, ceil(B / 8)) as hexadecimal digits, in small letters."""
    digits, width = codes.tobytes().hex(), 2 * codes.shape[1]
    return [digits[first : first + n_digits(n_bits)] for first in range(0, len(digits), width)] if width else []


def of_hex(code: str, n_bits: int | None = None) -> bytes:
    """Return the bytes of a code in hexadecimal digits.

    Args:
        n_bits: that it has; None: four to a digit.

    Raises:
        ValueError: it holds something else, has another length, or bits behind its last.
    """
    if not _DIGITS.fullmatch(code):
        raise ValueError("it holds something else than hexadecimal digits" if code else "it is empty")
    wanted = len(code) * 4 if n_bits is None else n_bits
    if len(code) != n_digits(wanted):
        raise ValueError(f"it has {len(code):,} digits, and {wanted:,} bits are {n_digits(wanted):,}")
    if wanted > MOST_BITS:
        raise ValueError(f"it has {wanted:,} bits, more than {MOST_BITS:,}")
    if int(code[-1], 16) & ((1 << (4 * len(code) - wanted)) - 1):
        raise ValueError(f"it has a bit behind its {wanted:,}")
    return bytes.fromhex(code + "0" * (len(code) % 2))


def n_words(n_bits: int) -> int:
    """Return the number of 64-bit words of a code."""
    return -(-n_bits // (8 * _WORD))


def as_words(codes: Sequence[bytes]) -> NDArray[np.uint64]:
    """Return packed codes of equal length as words, (N, W); the bits that fill the last one are 0."""
    if not codes:
        return np.empty((0, 0), np.uint64)
    n_bytes = _WORD * -(-len(codes[0]) // _WORD)
    filled = b"".join(code.ljust(n_bytes, b"\0") for code in codes)
    return np.frombuffer(filled, np.uint64).reshape(len(codes), -1)
