"""Temporary files: who closes them."""

from __future__ import annotations

import numpy as np

from nlptool.storage import temp_files


class Owner:
    pass


def test_a_file_is_closed_with_its_owner_and_what_is_mapped_of_it_stays() -> None:
    owner = Owner()
    file = temp_files.temporary(owner)
    file.write(np.arange(4, dtype=np.float32).tobytes())
    file.flush()
    mapped = np.memmap(file, np.float32, "r", shape=(4,))
    assert not file.closed
    del owner
    assert file.closed
    assert mapped.tolist() == [0, 1, 2, 3]


def test_a_file_without_an_owner_is_closed_by_whoever_opened_it() -> None:
    with temp_files.temporary() as file:
        file.write(b"x")
    assert file.closed
