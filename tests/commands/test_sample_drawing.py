"""``sample -n``: records drawn from any stream come out as they came in."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pytest
from program import Invoke, Run
from scipy import stats

LINES = [f"line {number}" for number in range(50)]
TEXT = "".join(f"{line}\n" for line in LINES).encode()


def lines(invoke: Invoke, *arguments: str, stdin: bytes = TEXT, code: int = 0) -> list[str]:
    done = invoke("sample", *arguments, stdin=stdin)
    assert done.exit_code == code, done.stderr
    return done.stdout.split("\n")[:-1]


def test_lines_of_text_are_drawn_in_their_order(invoke: Invoke) -> None:
    found = lines(invoke, "-n", "7")
    assert len(found) == 7
    assert found == sorted(found, key=LINES.index)
    assert lines(invoke, "-n", "7") == found
    assert lines(invoke, "-n", "7", "--seed", "2") != found
    mixed = lines(invoke, "-n", "7", "--shuffle")
    assert mixed != found
    assert sorted(mixed) == sorted(found)


def test_every_line_is_drawn_equally_often(invoke: Invoke) -> None:
    counts = Counter[str]()
    for seed in range(200):
        counts.update(lines(invoke, "-n", "10", "--seed", str(seed)))
    assert counts.total() == 2000
    assert stats.chisquare([counts[line] for line in LINES]).pvalue > 0.001


def test_text_comes_out_as_it_came(invoke: Invoke) -> None:
    text = "　字下げ \n\n{x\n a\tb\n最後".encode()
    assert invoke("sample", "-n", "9", stdin=text).stdout_bytes == text + b"\n"
    assert invoke("sample", "-n", "9", "-0", stdin=b"a\nb\0c\0").stdout_bytes == b"a\nb\0c\0"
    assert invoke("sample", "-n", "9", "-0", stdin=b'{"a":1}\0{"a":2}\0').stdout_bytes == b'{"a":1}\0{"a":2}\0'
    assert invoke("sample", "-n", "9", "--unit", "paragraph", stdin=b"a\nb\n\n\nc\n").stdout_bytes == b"a\nb\n\nc\n\n"
    found = invoke("sample", "-n", "9", "--unit", "document", stdin=b"a\nb\n\nc\n").stdout_bytes
    assert found == b'{"text":"a\\nb\\n\\nc"}\n'
    found = invoke("sample", "-n", "9", "--encoding", "cp932", stdin="猫\n".encode("cp932")).stdout_bytes
    assert found == "猫\n".encode()


def test_json_comes_out_as_it_came(invoke: Invoke) -> None:
    rows = b'{"b":1.10,"a":"\\u732b","b":12345678901234567890123}\n{ "text" : "x" }\n{"text":7}\n{}\n'
    assert invoke("sample", "-n", "9", stdin=rows).stdout_bytes == rows
    assert invoke("sample", "-n", "9", stdin=b'[{"a":1},\n {"a":\n2}]').stdout_bytes == b'{"a":1}\n{"a":2}\n'
    assert invoke("sample", "-n", "9", "-f", "jsonl", stdin="猫\n".encode()).stdout == '{"text":"猫"}\n'


def test_rows_of_tables_keep_their_cells_and_their_header(invoke: Invoke, tmp_path: Path) -> None:
    table = '名,b\n"x,1",2\n"a ""q""","l\nl"\n'.encode()
    assert invoke("sample", "-n", "9", "-I", "csv", stdin=table).stdout_bytes == table
    assert invoke("sample", "-n", "9", "-I", "csv", "--no-header", stdin=table).stdout_bytes == table
    table = b"a\\tb\tc\nd\t\n"
    assert invoke("sample", "-n", "9", "-I", "tsv", stdin=table).stdout_bytes == table
    assert invoke("sample", "-n", "9", "-I", "tsv", "--header", stdin=table).stdout_bytes == table
    assert invoke("sample", "-n", "9", "-I", "csv", stdin=b"").stdout_bytes == b""
    path = tmp_path / "a.parquet"
    rows = b'{"id":1,"text":"a"}\n{"id":2,"text":"b"}\n'
    assert invoke("sample", "-n", "9", "-o", str(path), stdin=rows).exit_code == 0
    assert pyarrow.parquet.read_table(path).to_pylist() == [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]
    assert invoke("sample", "-n", "9", str(path)).stdout_bytes == rows
    assert invoke("sample", "-n", "9", "-f", "csv", str(path)).stdout == "id,text\n1,a\n2,b\n"


def test_a_table_shows_all_fields(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id":1,"l":[1,2],"nlptool":{}}\n{"l":"x","id":null,"m":3}\n')
    table = invoke("sample", "-n", "9", "-f", "table", str(path)).stdout.splitlines()
    assert [line.split() for line in table] == [["id", "l"], ["1", "[1,", "2]"], ["x"]]
    table = invoke("sample", "-n", "9", "-f", "table", "--source", stdin=path.read_bytes()).stdout.splitlines()
    assert [line.split()[0] for line in table] == ["place", "1", "2"]
    assert invoke("sample", "-n", "9", "-f", "table", stdin="猫\n".encode()).stdout.split() == ["text", "猫"]


def test_groups_have_their_share(invoke: Invoke) -> None:
    labels = ["x"] * 60 + ["y"] * 30 + ["z"] * 10
    rows = "".join(json.dumps({"label": label, "i": i}) + "\n" for i, label in enumerate(labels)).encode()
    found = [json.loads(line) for line in lines(invoke, "-n", "10", "--by", "label", stdin=rows)]
    assert Counter(row["label"] for row in found) == {"x": 6, "y": 3, "z": 1}
    assert [row["i"] for row in found] == sorted(row["i"] for row in found)
    found = [json.loads(line) for line in lines(invoke, "--each", "12", "--by", "/label", stdin=rows)]
    assert Counter(row["label"] for row in found) == {"x": 12, "y": 12, "z": 10}


def test_files_are_groups(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    (tmp_path / "b.txt").write_text("b\n" * 25, encoding="utf-8")
    found = lines(invoke, "-n", "6", "--by", "file", str(tmp_path))
    assert [line == "b" for line in found] == [False] * 4 + [True] * 2
    found = lines(invoke, "--each", "1", "--by", "file", "--source", str(tmp_path))
    places = [json.loads(line)["nlptool"]["source"] for line in found]
    assert [Path(place["file"]).name for place in places] == ["a.txt", "b.txt"]
    assert json.loads(found[0])["text"] == LINES[places[0]["line"] - 1]


def test_what_a_sample_lacks_is_said(invoke: Invoke) -> None:
    rows = b'{"l":"a"}\n' * 8 + b'{"l":"b"}\n'
    for arguments, said in (
        (["-n", "90"], "records to draw from: 9, fewer than 90; all of them are in the sample"),
        (["-n", "2", "--by", "l"], "groups that are too small to have a record in the sample: 1 of 2; --each N draws"),
        (["--each", "3", "--by", "l"], "groups that have fewer than 3 records, all of which are in the sample: 1 of 2"),
    ):
        done = invoke("sample", *arguments, stdin=rows)
        assert done.exit_code == 0
        assert said in done.stderr
        assert invoke("sample", *arguments, "-q", stdin=rows).stderr == ""
    assert invoke("sample", "-n", "8", stdin=rows).stderr == ""
    done = invoke("sample", "-n", "5", stdin=b"")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "nlptool sample: there are no records to draw from\n")


def test_records_that_fail_are_left_out(invoke: Invoke) -> None:
    rows = b'{"l":"a"}\nno\n{"m":1}\n{"l":null}\n{"l":"b","nlptool":{"error":{}}}\n'
    done = invoke("sample", "-n", "9", "--by", "l", stdin=rows)
    assert (done.exit_code, done.stdout) == (3, '{"l":"a"}\n')
    assert "3 of 5 records failed and were left out" in done.stderr
    assert "the record has no field `l` to be grouped by" in done.stderr
    assert "1 records arrived with an error of an earlier command and were left out" in done.stderr
    done = invoke("sample", "-n", "9", "--by", "l", "--on-error", "fail", stdin=rows)
    assert (done.exit_code, done.stdout) == (1, "")
    assert invoke("sample", "-n", "9", stdin=b"a\n\xff\n").stdout == "a\n"
    done = invoke("sample", "-n", "9", "-f", "text", stdin=rows)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "the record has no field `text`" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-n", "0"], "0 is not in the range x>=1"),
        (["-n", "-3"], "-3 is not in the range x>=1"),
        (["-n", "x"], "'x' is not a valid whole number"),
        (["--each", "0", "--by", "l"], "0 is not in the range x>=1"),
        (["--each", "3"], "--each N draws from groups: --by FIELD or --by file says which"),
        (["-n", "3", "--each", "3", "--by", "l"], "give one of them"),
        (["-n", "3", "--by", "l"], "--by l names a field, and <stdin> is text"),
        (["-n", "3", "--columns", "kami"], "--columns is of the data sets"),
        (["-n", "3", "hyakunin-isshu"], "nlptool sample hyakunin-isshu | nlptool sample -n 10"),
        (["-n", "3", "-o", "a.gz"], "the output is not compressed here"),
        (["-n", "3", "-o", "a.npy"], "npy is none of the formats of this command"),
    ],
)
def test_wrong_usage(invoke: Invoke, arguments: list[str], said: str) -> None:
    done = invoke("sample", *arguments, stdin=b"a\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_file_that_is_missing_fails_and_the_others_are_drawn_from(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n", encoding="utf-8")
    done = invoke("sample", "-n", "3", str(tmp_path / "no.txt"), str(tmp_path / "a.txt"))
    assert (done.exit_code, done.stdout) == (1, "a\n")


def test_the_output_is_replaced_at_the_end(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    done = invoke("sample", "-n", "3", str(path), "-o", str(path))
    assert path.read_bytes() == TEXT or done.exit_code == 0
    out = tmp_path / "b.txt"
    assert invoke("sample", "-n", "3", str(path), "-o", str(out)).exit_code == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def test_the_poems_feed_it(run: Run) -> None:
    poems = run("sample", "hyakunin-isshu").stdout
    done = run("sample", "-n", "2", "-I", "tsv", "--header", stdin=poems)
    assert done.returncode == 0
    assert done.stdout.decode().startswith("number\tkami\tshimo\tkimariji\n")
    assert all(line in poems for line in done.stdout.splitlines())
