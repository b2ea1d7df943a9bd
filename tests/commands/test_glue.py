"""The files of GLUE and JGLUE as they are distributed, from the training to the evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import masked_models
import pytest
from glue_files import MNLI_DEV, SHAPES
from program import invoke, records, succeeded

from nlptool.records import labelled
from nlptool.records.known_columns import PRESETS
from nlptool.records.labelled import Columns
from nlptool.records.pipe import Pipe

FEW = (
    "--method", "finetune", "--base", "./base", "--max-length", "32", "--batch-size", "8", "--max-steps", "4",
    "--learning-rate", "0.001", "--evaluations", "1", "--threads", "1", "--device", "cpu",
)  # fmt: skip
N_TRAIN, N_DEV = 24, 12
SAMPLES = Path(__file__).parent.parent / "data" / "glue"
N_SAMPLES = {"cola": 6, "mnli": 6, "mrpc": 4, "qnli": 4, "qqp": 4, "rte": 4, "sst2": 6, "stsb": 6, "wnli": 4}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small BERT."""
    place = tmp_path_factory.mktemp("glue")
    masked_models.save("bert", place / "base", num_hidden_layers=1)
    return place


@pytest.fixture
def folder(place: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for one test, in that of the base model, which is the current one."""
    monkeypatch.chdir(place)
    folder = place / request.node.name
    folder.mkdir()
    return folder


def train(name: str, folder: Path, train: Path, dev: Path) -> tuple[str, ...]:
    """Train a classifier; return the options that name it."""
    model = folder / "model"
    done = succeeded(
        invoke("train", "classifier", *FEW, "--columns", name, "--dev", str(dev), "-o", str(model), str(train))
    )
    assert f"examples: {N_TRAIN}, to judge by: {N_DEV}" in done.stderr
    return "-m", str(model), "--device", "cpu", "--columns", name


def judged(*arguments: str, stdin: str | bytes = b"") -> list[dict[str, Any]]:
    return records(invoke("evaluate", "classification", "--bootstrap", "0", "-f", "jsonl", *arguments, stdin=stdin))


@pytest.mark.parametrize("name", PRESETS)
def test_files_as_they_are_distributed_go_from_training_to_evaluation(name: str, folder: Path) -> None:
    shape, preset = SHAPES[name], PRESETS[name]
    train_file, dev, test = shape.write(folder, N_TRAIN, N_DEV)
    model = train(name, folder, train_file, dev)
    (task,) = json.loads((folder / "model" / "classifier.json").read_text(encoding="utf-8"))["tasks"]
    assert (task["metric"], task["kind"], task["labels"]) == (preset.metric, preset.kind, list(preset.labels))

    classified = invoke("classify", *model, str(dev))
    found = records(classified)
    assert [record["gold"] for record in found] == [shape.label(number) for number in range(N_TRAIN, N_TRAIN + N_DEV)]
    assert shape.gold not in found[0] or shape.gold == preset.label == "label", "it is called gold now"
    assert all(record[shape.first].startswith('"The ') for record in found), "a quotation mark is text"
    ((by_model,), (by_records,)) = judged(*model, str(dev)), judged(stdin=classified.stdout_bytes)
    for scores in (by_model, by_records):
        assert (scores["used"], scores["skipped"], scores["kind"]) == (N_DEV, 0, preset.kind)
    assert by_model[preset.metric] == pytest.approx(by_records[preset.metric], abs=1e-4)
    if preset.kind == "classification":
        n_right = sum(record["label"] == record["gold"] for record in found)
        assert by_records["accuracy"] == pytest.approx(n_right / N_DEV, abs=1e-4)

    result = "label" if preset.kind == "classification" else "value"
    unlabelled = records(invoke("classify", *model, str(test)))
    assert [record[result] for record in unlabelled] == [record[result] for record in found]
    assert "gold" not in unlabelled[0]


def test_mnli_is_judged_on_both_of_its_dev_files(folder: Path) -> None:
    """Their rows have the labels of five people, those of the training file one."""
    train_file, *_ = SHAPES["glue:mnli"].write(folder, N_TRAIN, N_DEV)
    _, dev, _ = MNLI_DEV.write(folder, N_TRAIN, N_DEV)
    matched, mismatched = (dev.with_name(f"dev_{kind}.tsv") for kind in ("matched", "mismatched"))
    dev.rename(matched)
    header, *rows = matched.read_text(encoding="utf-8").splitlines(keepends=True)
    mismatched.write_text("".join([header, *rows[: N_DEV // 2]]), encoding="utf-8")
    model = train("glue:mnli", folder, train_file, matched)
    found = judged(*model, str(matched), str(mismatched))
    assert [(Path(scores["file"]).name, scores["used"]) for scores in found] == [
        ("dev_matched.tsv", N_DEV), ("dev_mismatched.tsv", N_DEV // 2),
    ]  # fmt: skip


def test_a_table_shows_the_texts_of_a_data_set(folder: Path) -> None:
    for name, shape in (("glue:cola", SHAPES["glue:cola"]), ("glue:mrpc", SHAPES["glue:mrpc"])):
        place = folder / name
        place.mkdir()
        train_file, dev, _ = shape.write(place, N_TRAIN, N_DEV)
        model = train(name, place, train_file, dev)
        done = invoke("classify", *model, "-f", "csv", "-k", "1", str(dev))
        shown = invoke("classify", *model, "-f", "table", str(dev)).stdout
        assert shown.count('"The ') == N_DEV
        assert "gj04" not in shown
        assert done.stdout.count("\n") == N_DEV + 1


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.tsv")), ids=lambda path: path.stem)
def test_the_samples_of_the_course_have_the_shape_of_the_data_sets(path: Path) -> None:
    preset = PRESETS[f"glue:{path.stem}"]
    pipe = Pipe("train", (str(path),))
    examples = labelled.read(pipe, Columns(preset=preset))
    assert (len(examples), pipe.tally.exit_code) == (N_SAMPLES[path.stem], 0)
    assert {len(example.texts) for example in examples} == {len(preset.texts)}
    assert not preset.labels or {example.label for example in examples} == {*preset.labels}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--columns", "glue:colla"), "no columns are known of `glue:colla`"),
        (("--columns", "glue:rte", "--first", "a", "--second", "b"), "--columns makes no use of --first"),
        (("--columns", "glue:cola", "--field", "4"), "--columns makes no use of --field"),
        (("--columns", "glue:rte"), "one text for each example, and two texts in the preset"),
    ],
)
def test_columns_that_do_not_go_with_the_rest_are_wrong_usage(
    options: tuple[str, ...], message: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    if not (place / "one").is_dir():
        files = place / "files"
        files.mkdir()
        train_file, dev, _ = SHAPES["glue:sst2"].write(files, N_TRAIN, N_DEV)
        train("glue:sst2", files, train_file, dev)
        (files / "model").rename(place / "one")
    done = invoke("classify", "-m", "./one", "--device", "cpu", *options, stdin=b"a\tb\n")
    assert done.exit_code == 2
    assert message in done.stderr
