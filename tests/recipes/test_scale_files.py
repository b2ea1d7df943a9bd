"""The files for Slurm and Kubernetes: their commands, with the variables that these set, give what one process gives."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from program import NLPTOOL, PATIENCE
from shard_outputs import together

RECIPES = Path(__file__).resolve().parent.parent.parent / "recipes" / "scale"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(NLPTOOL).parent}:{os.environ['PATH']}"}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Five files, with names and texts that a shell would take apart."""
    folder = tmp_path / "my corpus"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number} $x.txt").write_text(f"猫が{number}匹いる。\n'a'  \"b\" $c\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["parallel.sh", "slurm.sh", "kubernetes.yaml", "spark_embed.py"])
def test_the_page_shows_the_files(name: str) -> None:
    page = (RECIPES.parent.parent / "docs" / "scale.md").read_text(encoding="utf-8")
    assert f"\n{(RECIPES / name).read_text(encoding='utf-8')}```\n" in page


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def one_process(*arguments: str) -> bytes:
    return subprocess.run([NLPTOOL, *arguments], capture_output=True, check=True, timeout=PATIENCE).stdout


@pytest.mark.parametrize("name", ["parallel.sh", "slurm.sh"])
def test_bash_accepts_the_scripts(name: str) -> None:
    done = run(["bash", "-n", str(RECIPES / name)])
    assert (done.returncode, done.stderr) == (0, "")


def test_the_tasks_of_a_slurm_array_and_the_job_behind_them(corpus: Path, tmp_path: Path) -> None:
    command = ["tokenize", "-f", "wakati"]
    job = ["bash", str(RECIPES / "slurm.sh"), str(corpus), str(tmp_path / "out"), *command]
    for task in ("2", "0", "1"):
        done = run(job, SLURM_ARRAY_TASK_ID=task, SLURM_ARRAY_TASK_COUNT="3", SLURM_CPUS_PER_TASK="2")
        assert done.returncode == 0, done.stderr
        assert f"task {task}/3: " in done.stderr
    done = run(job, SLURM_CPUS_PER_TASK="2")
    assert (done.returncode, "5 of 5 shards are done, 5 of them before" in done.stderr) == (0, True)
    assert together(tmp_path / "out") == one_process(*command, str(corpus))


def test_some_tasks_of_a_slurm_array_know_how_many_there_are(corpus: Path, tmp_path: Path) -> None:
    job = ["bash", str(RECIPES / "slurm.sh"), str(corpus), str(tmp_path / "out"), "tokenize", "-f", "wakati"]
    done = run(job, TASKS="3", SLURM_ARRAY_TASK_ID="2", SLURM_ARRAY_TASK_COUNT="1")
    assert (done.returncode, "task 2/3: 1 of 1 shards" in done.stderr) == (0, True)


@pytest.mark.parametrize("script", ["slurm.sh", "parallel.sh"])
def test_a_script_without_its_words_says_so_and_does_nothing(script: str, tmp_path: Path) -> None:
    done = run(["bash", str(RECIPES / script), str(tmp_path)])
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def job() -> dict[str, Any]:
    found = yaml.safe_load((RECIPES / "kubernetes.yaml").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_job_has_the_fields_that_kubernetes_asks_for(job: dict[str, Any]) -> None:
    """https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/"""
    assert (job["apiVersion"], job["kind"], set(job)) == ("batch/v1", "Job", {"apiVersion", "kind", "metadata", "spec"})
    spec = job["spec"]
    assert set(spec) == {"completionMode", "completions", "parallelism", "backoffLimitPerIndex", "template"}
    assert spec["completionMode"] == "Indexed"
    assert [type(spec[name]) for name in ("completions", "parallelism", "backoffLimitPerIndex")] == [int] * 3
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # backoffLimitPerIndex asks for it
    (container,) = pod["containers"]
    assert [type(each) for each in container["command"] + container["args"]] == [str] * 3
    assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"] for volume in pod["volumes"]]
    assert f"$JOB_COMPLETION_INDEX/{spec['completions']}" in container["args"][0]
    assert all(isinstance(each, str) for kind in container["resources"].values() for each in kind.values())


def test_the_pods_of_the_job_give_what_one_process_gives(job: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    for number in range(6):
        (tmp_path / "corpus" / f"{number}.txt").write_text(f"猫が{number}匹いる。\n", encoding="utf-8")
    (tmp_path / "corpus" / "6.txt").write_bytes(b"\xff\n")  # a record that fails is no pod that fails
    container = job["spec"]["template"]["spec"]["containers"][0]
    command = [*container["command"], *container["args"]]
    command[2] = command[2].replace("/data", str(tmp_path)).replace("/16", "/4").replace("-j 4", "-j 1")
    for index in ("3", "0", "1", "2"):
        done = run(command, JOB_COMPLETION_INDEX=index)
        assert (done.returncode, f"task {index}/4: " in done.stderr) == (0, True), done.stderr
    embed = ["embed", "-m", "static-ja-en", "--threads", "1"]
    done = run(
        [NLPTOOL, "shards", "run", str(tmp_path / "corpus"), "--output", str(tmp_path / "vectors"), "--", *embed]
    )
    assert (done.returncode, "7 of 7 shards are done, 7 of them before" in done.stderr) == (3, True)
    plain = subprocess.run([NLPTOOL, *embed, str(tmp_path / "corpus")], capture_output=True, check=False).stdout
    assert together(tmp_path / "vectors") == plain


def test_a_pod_whose_command_is_wrong_fails(job: dict[str, Any], tmp_path: Path) -> None:
    container = job["spec"]["template"]["spec"]["containers"][0]
    command = [*container["command"], container["args"][0].replace("/data", str(tmp_path))]
    assert run(command, JOB_COMPLETION_INDEX="0").returncode != 0
