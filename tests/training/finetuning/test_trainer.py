"""Fine-tuning: the loss and the gradients of a step, learning rates of layers, frozen layers, class weights, batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import masked_models
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from nlptool.models.heads.task import Task
from nlptool.models.heads.tokenizer import ModelInput
from nlptool.training.finetuning import network as classifier_network
from nlptool.training.finetuning.examples import Batch, Batches, Rows, TaskData
from nlptool.training.finetuning.trainer import Finetuning, FinetuningSettings

SETTINGS = FinetuningSettings(
    batch_size=4, max_steps=4, evaluations=1, learning_rate=1e-3, max_grad_norm=0, dropout=0.0
)
CLASSES = Task("topic", "classification", 1, ("a", "b", "c"), "accuracy")
SCORES = Task("score", "regression", 1, (), "spearman")
SEVERAL = Task("several", "multilabel", 1, ("x", "y"), "micro_f1")


def rows(n: int, targets: Any, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    ids = [[2, *rng.integers(5, 200, rng.integers(2, 9)).tolist(), 3] for _ in range(n)]
    return Rows([(ModelInput(row, [0] * len(row)),) for row in ids], targets)


NONE = rows(0, np.zeros(0, np.int64))
COUNTS = [9, 2, 1]
IMBALANCED = TaskData(CLASSES, rows(12, np.repeat([0, 1, 2], COUNTS)), NONE)
NUMBERS = TaskData(SCORES, rows(8, np.arange(100, 108, dtype=np.float32), 1), NONE)
LABELLED = TaskData(
    SEVERAL, rows(6, np.array([[1, 0], [1, 0], [1, 1], [1, 0], [0, 0], [1, 1]], np.float32), 2), NONE
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return masked_models.save("bert", tmp_path_factory.mktemp("models") / "bert", num_hidden_layers=3)


def training(
    base: Path, work: Path, tasks: Sequence[TaskData], settings: FinetuningSettings = SETTINGS, **more: Any
) -> Finetuning:
    """A training that has not begun."""
    torch.set_num_threads(1)
    work.mkdir(exist_ok=True)
    network = classifier_network.new(base, "base", [data.task for data in tasks], pooling="cls", dropout=0.0)
    return Finetuning(network, tasks, settings, work, pad_id=0, types=True, **more)


def batch_of(data: TaskData, number: int, chosen: Sequence[int]) -> Batch:
    ids = [data.train.inputs[index][0].ids for index in chosen]
    width = max(map(len, ids))
    padded = np.array([row + [0] * (width - len(row)) for row in ids])
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    return Batch(number, padded, mask, np.zeros_like(padded), data.train.targets[list(chosen)])


def gradients(trained: Finetuning) -> dict[str, Tensor]:
    return {
        name: parameter.grad.clone() for name, parameter in trained.network.named_parameters()
        if parameter.grad is not None
    }  # fmt: skip


def test_a_step_of_two_tasks_is_half_of_two_steps_added(base: Path, tmp_path: Path) -> None:
    tasks = [IMBALANCED, NUMBERS]
    batches = [batch_of(IMBALANCED, 0, [0, 3, 9]), batch_of(NUMBERS, 1, [1, 2, 5, 7])]
    both = training(base, tmp_path, tasks, replace(SETTINGS, gradient_accumulation=2))
    values = both._step(both._optimizer(), batches, 0)
    expected: dict[str, Tensor] = {}
    losses = []
    for number, (data, batch) in enumerate(zip(tasks, batches, strict=True)):
        alone = training(base, tmp_path, tasks)
        logits = alone._logits(batch)
        targets = torch.from_numpy(batch.targets)
        if number:
            scores = np.asarray(data.train.targets)
            units = (targets - float(scores.mean())) / float(scores.std())
            loss = ((logits[:, 0] - units) ** 2).mean()
        else:
            loss = functional.cross_entropy(logits, targets)
        losses.append(loss.item())
        loss.backward()  # type: ignore[no-untyped-call]
        for name, gradient in gradients(alone).items():
            expected[name] = expected.get(name, torch.zeros_like(gradient)) + gradient / 2
    assert float(values["train_loss"]) == pytest.approx(sum(losses) / 2, rel=1e-6)
    found = gradients(both)
    assert {name.split(".")[1] for name in found if name.startswith("heads.")} == {"0", "1"}
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def moved(before: Finetuning, tmp_path: Path) -> dict[str, Tensor]:
    """How far one step of AdamW moves each parameter."""
    start = {name: parameter.detach().clone() for name, parameter in before.network.named_parameters()}
    optimizer = before._optimizer()
    optimizer.set_learning_rate(before.settings.learning_rate)
    before._step(optimizer, [batch_of(IMBALANCED, 0, range(12))], 0)
    return {name: (parameter.detach() - start[name]).abs() for name, parameter in before.network.named_parameters()}


def test_deeper_layers_take_smaller_steps(base: Path, tmp_path: Path) -> None:
    decayed = replace(SETTINGS, layer_decay=0.5, weight_decay=0.0)
    steps = moved(training(base, tmp_path, [IMBALANCED], decayed), tmp_path)
    # The first step of Adam is the learning rate, wherever the gradient is far above epsilon.
    for name, scale in (
        ("heads.0.model.classifier.weight", 1.0),
        ("encoder.pooler.dense.weight", 1.0),
        ("encoder.encoder.layer.2.output.dense.weight", 0.5),
        ("encoder.encoder.layer.1.output.dense.weight", 0.25),
        ("encoder.encoder.layer.0.attention.self.value.weight", 0.125),
        ("encoder.embeddings.position_embeddings.weight", 0.0625),
    ):
        assert float(steps[name].max()) == pytest.approx(1e-3 * scale, rel=0.02), name


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_frozen_layers_stay_as_they_are(n_layers: int, base: Path, tmp_path: Path) -> None:
    frozen = training(base, tmp_path, [IMBALANCED], replace(SETTINGS, freeze=n_layers, weight_decay=0.1))
    steps = moved(frozen, tmp_path)
    names = [f"encoder.encoder.layer.{number}." for number in range(n_layers)]
    names += ["encoder.embeddings."] if n_layers else []
    stays = {name for name, step in steps.items() if not step.any()}
    assert stays == {name for name in steps if name.startswith(tuple(names))} if names else not stays
    listed = {id(parameter) for group in frozen.parameter_groups() for parameter in group["params"]}
    assert listed == {id(parameter) for name, parameter in frozen.network.named_parameters() if name not in stays}


def test_balanced_classes_weigh_as_scikit_learn_says(base: Path, tmp_path: Path) -> None:
    from sklearn.utils.class_weight import compute_class_weight

    weights = compute_class_weight("balanced", classes=np.arange(3), y=IMBALANCED.train.targets)
    batch = batch_of(IMBALANCED, 0, [0, 1, 2, 9, 10, 11])
    balanced = training(base, tmp_path, [IMBALANCED], replace(SETTINGS, balance=True))
    logits = balanced._logits(batch).detach()
    each = functional.cross_entropy(logits, torch.from_numpy(batch.targets), reduction="none").numpy()
    of_batch = weights[batch.targets]
    assert of_batch.max() > 3 * of_batch.min()
    loss, _ = balanced.losses(batch, 0)
    assert loss.item() == pytest.approx((each * of_batch).sum() / of_batch.sum(), rel=1e-5)
    plain, _ = training(base, tmp_path, [IMBALANCED]).losses(batch, 0)
    assert plain.item() == pytest.approx(each.mean(), rel=1e-5)


def test_balanced_labels_weigh_those_that_have_one_against_those_that_do_not(base: Path, tmp_path: Path) -> None:
    batch = batch_of(LABELLED, 0, range(6))
    balanced = training(base, tmp_path, [LABELLED], replace(SETTINGS, balance=True))
    p = torch.sigmoid(balanced._logits(batch).detach()).numpy()
    positive = np.array([1 / 5, 4 / 2])  # x is in 5 of 6 examples, y in 2
    losses = -(batch.targets * np.log(p) * positive + (1 - batch.targets) * np.log(1 - p))
    loss, _ = balanced.losses(batch, 0)
    assert loss.item() == pytest.approx(losses.mean(), rel=1e-4)


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4), batch_size=st.integers(1, 9),
    sampling=st.sampled_from(["proportional", "sqrt", "equal"]), first=st.integers(0, 30),
)  # fmt: skip
@settings(max_examples=60)
def test_batches_follow_from_the_seed_and_their_number(
    sizes: list[int], batch_size: int, sampling: str, first: int
) -> None:
    def new() -> Batches:
        return Batches(tasks, batch_size=batch_size, sampling=sampling, pad_id=0, seed=5)

    tasks = [
        TaskData(replace(SCORES, name=str(number)), rows(size, np.arange(size, dtype=np.float32)), NONE)
        for number, size in enumerate(sizes)
    ]
    batches = new()
    number = max(1, batches.n_batches)
    turns = Counter(batches.batch(place).task for place in range(number))
    assert {*turns} == {*range(len(sizes))}, "each task has a turn in each epoch"
    later, again = new().batch(first), batches.batch(first)
    assert later.task == again.task
    assert later.targets.tolist() == again.targets.tolist()
    if len(sizes) == 1:
        seen = [int(target) for place in range(number) for target in batches.batch(place).targets]
        assert sorted(seen) == list(range(sizes[0])), "an epoch has each example once"
    task = len(sizes) - 1  # all its examples come before one comes again
    seen = []
    for place in range(20 * number):
        batch = batches.batch(place)
        if batch.task == task and len(seen) < sizes[task]:
            seen += [int(target) for target in batch.targets]
    assert sorted(seen) == list(range(sizes[task])) or len(seen) < sizes[task]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [("proportional", [20, 5]), ("sqrt", [17, 8]), ("equal", [13, 13])],
)
def test_how_often_each_task_has_its_turn(sampling: str, expected: list[int]) -> None:
    tasks = [
        TaskData(replace(SCORES, name=name), rows(size, np.zeros(size, np.float32)), NONE)
        for name, size in (("large", 80), ("small", 20))
    ]
    batches = Batches(tasks, batch_size=4, sampling=sampling, pad_id=0, seed=1)
    turns = Counter(batches.batch(place).task for place in range(batches.n_batches))
    assert [turns[0], turns[1]] == expected
