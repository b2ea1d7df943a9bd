"""The recipes for GNU parallel and for Spark give what one process gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

RECIPES = Path(__file__).resolve().parent.parent.parent / "recipes" / "scale"
NLPTOOL = str(Path(sys.executable).parent / "nlptool")
DATA = Path(__file__).resolve().parent.parent / "data"
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(NLPTOOL).parent}:{os.environ['PATH']}",
    "PYSPARK_PYTHON": sys.executable,
    "PYSPARK_DRIVER_PYTHON": sys.executable,
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two chapters of a novel, cut into nine files, and one with characters that a shell would take for its own."""
    folder = tmp_path / "my corpus"
    folder.mkdir()
    lines = (DATA / "yume_aozora.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    for number in range(9):
        (folder / f"{number} $x.txt").write_text("".join(lines[number::9]), encoding="utf-8")
    (folder / "z.txt").write_text("'a'  \"b\" $c `d` \\e\n\n　猫　\n", encoding="utf-8")
    return folder


def one_process(*arguments: str) -> bytes:
    return subprocess.run([NLPTOOL, *arguments], capture_output=True, check=True, timeout=600).stdout


@pytest.mark.parametrize("command", [("tokenize", "-f", "wakati"), ("embed", "-m", "static-ja-en", "--threads", "1")])
def test_parallel_gives_what_one_process_gives(command: tuple[str, ...], corpus: Path, tmp_path: Path) -> None:
    run = [str(RECIPES / "parallel.sh"), str(corpus), str(tmp_path / "out"), *command]
    environment = {**ENVIRONMENT, "TASKS": "4", "JOBS": "2", "WORKERS": "1"}
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert "10 of 10 shards are done, 10 of them before" in done.stderr
    together = b"".join(path.read_bytes() for path in sorted((tmp_path / "out").glob("shard-*")))
    assert together == one_process(*command, str(corpus))


def test_parallel_finishes_what_a_task_could_not_do(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / ".unfinished-1-of-3").mkdir(parents=True)
    environment = {**ENVIRONMENT, "TASKS": "3", "WORKERS": "1"}
    held = subprocess.Popen(  # a task that hangs, while the others go on
        ["flock", "--exclusive", str(tmp_path / "out" / ".unfinished-1-of-3"), "sleep", "8"]
    )
    run = [str(RECIPES / "parallel.sh"), str(corpus), str(tmp_path / "out"), "tokenize", "-f", "wakati"]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=600, check=False)
    held.wait()
    assert (done.returncode, "10 of 10 shards are done" in done.stderr) == (0, True)
    together = b"".join(path.read_bytes() for path in sorted((tmp_path / "out").glob("shard-*")))
    assert together == one_process("tokenize", "-f", "wakati", str(corpus))


def test_spark_gives_what_one_process_gives(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for name in ("yume_aozora.txt", "yume_juya.txt"):
        (texts / name).write_bytes((DATA / name).read_bytes() + "\n　\n猫\r犬\n".encode())
    done = subprocess.run(
        [sys.executable, str(RECIPES / "spark_embed.py"), str(texts), str(tmp_path / "out")],
        env={**ENVIRONMENT, "SPARK_LOCAL_IP": "127.0.0.1"}, capture_output=True, text=True, timeout=600, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = [row for path in sorted((tmp_path / "out").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    lines = one_process("embed", "-m", "static-ja-en", "--deterministic", "-I", "text", str(texts)).splitlines()
    wanted = [json.loads(line) for line in lines]
    assert len(found) == len(wanted) > 100

    def written(record: dict[str, object]) -> tuple[object, object]:
        vector = record["embedding"]
        return record["text"], None if vector is None else np.array(vector, np.float32).tobytes()

    assert sorted(map(repr, map(written, found))) == sorted(map(repr, map(written, wanted)))
    assert sum(record["embedding"] is None for record in found) >= 4


COUNT = """
import os, sys
import pandas as pd
from pyspark.sql import SparkSession

def opened(batches):
    import spark_embed
    for batch in batches:
        vectors = list(spark_embed.embed(iter([pd.DataFrame({"text": ["猫"] * len(batch)})])))
        yield pd.DataFrame({"process": [os.getpid()], "opened": [spark_embed.model.cache_info().misses]})

spark = SparkSession.builder.master("local[2]").getOrCreate()
spark.sparkContext.addPyFile(sys.argv[1])
rows = spark.range(12, numPartitions=6).mapInPandas(opened, "process long, opened long").collect()
print(sorted({(row.process, row.opened) for row in rows}), len(rows))
"""


def test_spark_opens_the_model_once_in_each_process() -> None:
    command = [sys.executable, "-c", COUNT, str(RECIPES / "spark_embed.py")]
    environment = {**ENVIRONMENT, "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found, _, n_tasks = done.stdout.strip().rpartition(" ")
    processes = json.loads(found.replace("(", "[").replace(")", "]"))
    assert n_tasks == "6"
    assert len(processes) <= 2
    assert [opened for _, opened in processes] == [1] * len(processes)
