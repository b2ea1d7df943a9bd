"""Tags as what a network learns: the loss of transformers, and entities that keep to the scheme."""

from __future__ import annotations

from pathlib import Path

import masked_models
import numpy as np
import pytest
import torch
import transformers

from nlptool.models.heads.task import TAGS, Task
from nlptool.models.heads.tokenizer import ModelInput
from nlptool.training.finetuning import network as new_networks
from nlptool.training.finetuning.examples import IGNORED, Rows, TaskData, as_batch, of_tokens
from nlptool.training.finetuning.trainer import Finetuning, FinetuningSettings
from nlptool.training.tagger.objective import TagObjective

LABELS = ("O", "B-A", "I-A", "B-B", "I-B")
ENTITIES = Task("", TAGS, 1, LABELS, "f1", "iob2")
PARTS = Task("", TAGS, 1, ("NOUN", "VERB"), "accuracy", "plain")
GOLD = [np.array([IGNORED, 1, 2, IGNORED, 0, IGNORED]), np.array([IGNORED, 3, IGNORED])]
"""Of two sequences: B-A I-A O, and B-B; one word of the first has two pieces."""

ROWS = Rows(
    [(ModelInput([2, 10, 11, 12, 13, 3], [0] * 6),), (ModelInput([2, 20, 3], [0] * 3),)], of_tokens(GOLD)
)  # fmt: skip


def logits(*tags: int) -> np.ndarray:
    """Logits of tokens that say these tags; -1: nothing."""
    found = np.zeros((len(tags), len(LABELS)), np.float32)
    for place, tag in enumerate(tags):
        if tag >= 0:
            found[place, tag] = 5.0
    return found


def test_the_loss_is_that_of_transformers(tmp_path: Path) -> None:
    base = masked_models.save("bert", tmp_path / "bert")
    network = new_networks.new(base, "bert", [ENTITIES], pooling="cls", dropout=0.0)
    data = TaskData(ENTITIES, ROWS, ROWS)
    training = Finetuning(
        network,
        [data],
        FinetuningSettings(max_steps=2, batch_size=2, learning_rate=1e-3),
        tmp_path,
        pad_id=0,
        types=True,
    )
    (head,) = network.heads.values()
    whole = head.with_encoder(network.encoder).eval()
    assert isinstance(whole, transformers.BertForTokenClassification)
    network.eval()
    batch = as_batch(ROWS, [0, 1], 0, 0)
    assert batch.targets.tolist() == [GOLD[0].tolist(), [*GOLD[1].tolist(), IGNORED, IGNORED, IGNORED]]
    expected = whole(
        input_ids=torch.from_numpy(batch.ids), attention_mask=torch.from_numpy(batch.mask),
        labels=torch.from_numpy(batch.targets),
    )  # fmt: skip
    loss, _ = training.losses(batch, 0)
    assert loss.item() == pytest.approx(expected.loss.item(), rel=1e-5)
    training.run()
    assert {"f1", "precision", "recall", "accuracy", "loss"} <= training.scores.keys()


def test_entities_are_counted_at_first_pieces_and_keep_to_the_scheme() -> None:
    objective = TagObjective(TaskData(ENTITIES, ROWS, ROWS))
    right = objective.scores([logits(-1, 1, 2, 4, 0, -1), logits(-1, 3, -1)])
    assert (right["f1"], right["accuracy"]) == (1.0, 1.0)
    # I-B cannot follow B-A: the second best tag of that word, which makes a sequence that may be, is taken
    doubtful = logits(-1, 1, 4, -1, 0, -1)
    doubtful[2, 2] = 4.0
    assert objective.scores([doubtful, logits(-1, 3, -1)])["f1"] == 1.0
    half = objective.scores([logits(-1, 0, 0, -1, 0, -1), logits(-1, 3, -1)])
    assert (half["precision"], half["recall"]) == (1.0, 0.5)


def test_plain_tags_are_counted_as_they_are() -> None:
    rows = Rows(ROWS.inputs[1:], of_tokens([np.array([IGNORED, 1, IGNORED])]))
    objective = TagObjective(TaskData(PARTS, rows, rows))
    assert objective.scores([np.array([[0, 0], [0, 1], [0, 0]], np.float32)]) == {"accuracy": 1.0, "macro_f1": 1.0}


def test_a_batch_without_words_has_no_loss() -> None:
    objective = TagObjective(TaskData(ENTITIES, ROWS, ROWS))
    assert objective.loss(torch.zeros(1, 2, 5), torch.full((1, 2), IGNORED)).item() == 0.0
