"""The left-to-right model of the recipe for the course: it sees no later token, and learns to predict the next ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import left_to_right
import numpy as np
import pytest
import torch
from program import Invoke, succeeded

from nlptool.training.bert import network as bert_network
from nlptool.training.bert.examples import Batch

SAMPLE = Path(__file__).parent.parent / "data" / "yume_juya.txt"
DEVICE = "--threads 1 --device cpu"
SIZES = f"--layers 2 --hidden-size 16 --heads 2 --intermediate-size 32 --max-length 32 {DEVICE} --max-steps 3"
PAIRS = [("猫が寝ている", "猫が寝ている", "entailment"), ("猫が寝ている", "猫は寝ていない", "contradiction")] * 8


def small_bert() -> Any:
    torch.manual_seed(1)
    return bert_network.new(
        nsp=False, vocab_size=50, layers=2, hidden_size=16, heads=2, intermediate_size=32, max_length=16, pad_id=0
    ).eval()


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_token_sees_those_before_it_alone(attention: str) -> None:
    network = small_bert()
    causal = left_to_right.causal(network).eval()
    for each in (network, causal):
        each.set_attn_implementation(attention)
    ids = torch.tensor([[2, 7, 8, 9, 10, 3]])
    other = torch.tensor([[2, 7, 8, 30, 31, 32]])
    with torch.no_grad():
        both = [causal(ids).logits, causal(other).logits]
        first = causal(ids, attention_mask=torch.ones_like(ids)).logits
        in_both_directions = [network(ids).logits, network(other).logits]
    assert torch.equal(both[0][:, :3], both[1][:, :3])
    assert not torch.allclose(both[0][:, 3], both[1][:, 3], atol=1e-5)
    assert torch.allclose(first, both[0], atol=1e-6)
    assert not torch.allclose(in_both_directions[0][:, 0], in_both_directions[1][:, 0], atol=1e-5)
    for name, value in network.state_dict().items():
        assert torch.equal(causal.state_dict()[name], value)


def test_the_target_of_each_token_is_the_next_one_of_the_text_without_masks() -> None:
    batch = Batch(
        ids=np.array([[2, 4, 8, 3], [2, 9, 3, 0]]),  # 4: [MASK]
        token_types=np.zeros((2, 4), np.int64),
        mask=np.array([[True] * 4, [True] * 3 + [False]]),
        positions=np.array([1, 5]),
        targets=np.array([7, 11]),
        nsp_labels=np.zeros(2, np.int64),
    )
    found = left_to_right.next_tokens(batch)
    assert found.ids.tolist() == [[2, 7, 8, 3], [2, 11, 3, 0]]
    assert found.positions.tolist() == [0, 1, 2, 4, 5]
    assert found.targets.tolist() == [7, 8, 3, 11, 3]
    assert batch.ids.tolist() == [[2, 4, 8, 3], [2, 9, 3, 0]]


def test_the_head_reads_the_last_token_that_is_no_padding() -> None:
    encoder = left_to_right.causal(small_bert()).bert
    with torch.no_grad():
        encoder.pooler = torch.nn.Module()
        encoder.pooler.forward = lambda states: states[:, 0]
        model = torch.nn.Module()
        model.dropout, model.classifier = torch.nn.Identity(), torch.nn.Identity()
        head = left_to_right.LastTokenHead(encoder, model)
        inputs = {
            "input_ids": torch.tensor([[2, 7, 8, 3], [2, 9, 3, 0]]),
            "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]),
        }
        states = encoder(**inputs)
        found = head(states, inputs)
    assert torch.equal(found, torch.stack([states.last_hidden_state[0, 3], states.last_hidden_state[1, 2]]))


def test_it_is_trained_and_fine_tuned_with_the_options_of_a_bert(invoke: Invoke, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    checkpoints = str(tmp_path / "checkpoints")
    common = f"train bert -q --vocab-size 2600 --no-nsp {SIZES} --dev {SAMPLE} --checkpoint-dir".split()
    succeeded(invoke(*common, checkpoints, "-o", str(tmp_path / "bert"), str(SAMPLE)))
    left_to_right.pretrain(tmp_path / "bert", Path(checkpoints), tmp_path / "causal", "cpu")
    config = json.loads((tmp_path / "causal" / "config.json").read_text(encoding="utf-8"))
    assert config["is_decoder"] is True
    about = json.loads((tmp_path / "causal" / "scores.json").read_text(encoding="utf-8"))
    assert about["n_steps"] == 3
    assert set(about["scores"]) == {"mlm_loss", "top1", "top5"}
    examples = [{"sentence1": a, "sentence2": b, "label": label} for a, b, label in PAIRS]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, examples)), encoding="utf-8")
    classifier = f"train classifier -q --method finetune {DEVICE} --epochs 1 --keep last --base".split()
    pairs = ["--dev", str(tmp_path / "pairs.jsonl"), "-o", str(tmp_path / "pairs"), str(tmp_path / "pairs.jsonl")]
    succeeded(invoke(*classifier, str(tmp_path / "bert"), *pairs))
    parts = {"train": examples, "dev": examples}
    accuracy = left_to_right.finetune(tmp_path / "causal", tmp_path / "pairs", parts, Path(checkpoints), "cpu")
    assert accuracy * len(examples) == pytest.approx(round(accuracy * len(examples)), abs=1e-3)
    assert 0 <= accuracy <= 1
