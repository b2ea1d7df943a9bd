"""JSON files beside data: what is none is refused with a reason, whatever it holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlptool.storage import json_files

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
KINDS = {"count": int, "name": str, "parts": list}


@given(VALUES)
def test_what_json_wrote_is_read_back(value: object) -> None:
    assert json_files.parse(json.dumps(value)) == value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_a_file_is_an_object_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "about.json"
    path.write_bytes(content)
    try:
        value = json_files.read_object(path, ["name"], kinds=KINDS)
    except ValueError as error:
        assert str(error)
    else:
        assert isinstance(value, dict) and "name" in value
        assert all(type(value[name]) is kind for name, kind in KINDS.items() if value.get(name) is not None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[" * 100_000, "its brackets are nested too deep"),
        ('{"a":' * 100_000, "its brackets are nested too deep"),
        ("", "Expecting value"),
        ("[]", "it holds an array where an object is needed"),
        ("null", "it holds null where an object is needed"),
        ("1.5", "it holds a number where an object is needed"),
        ("{}", "it lacks the field name"),
        ('{"name": "x", "count": "3"}', "its count is a string, not a whole number"),
        ('{"name": "x", "count": true}', "its count is true or false, not a whole number"),
        ('{"name": "x", "parts": {}}', "its parts is an object, not an array"),
        ('{"name": "x", "count": ' + "9" * 5000 + "}", "integer string conversion"),
    ],
)
def test_the_reason_is_said(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "about.json").write_text(content)
    with pytest.raises(ValueError, match=reason):
        json_files.read_object(tmp_path / "about.json", ["name"], kinds=KINDS)
