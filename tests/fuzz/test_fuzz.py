"""A short run of the fuzzer, the same each time; ``python tests/fuzz/long_run.py`` makes a long one with other cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import TARGETS, make_templates

EXAMPLES = 400  # in all targets together; at least 10 of each


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_templates(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_input_ends_as_the_contract_says(name: str, home: Path) -> None:
    cases, share = TARGETS[name]
    folder = home.parent / "case"

    @settings(
        max_examples=max(10, int(EXAMPLES * share)), derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def check(data: st.DataObject) -> None:
        case = data.draw(cases(home))
        code, wrong = run(case, folder)
        assert wrong == [], str(case)
        codes.add(code)

    codes: set[int] = set()
    check()
    assert codes & {0, 3}  # not all were refused
