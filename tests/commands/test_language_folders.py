"""The folders of ``train lm`` given to commands that have no use for them: one sentence, and the command that runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import Invoke

NETWORK, GPT = "lstm", "transformer"
WHAT = "is a language model of `nlptool train lm`, which continues texts"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> Path:
    made = tmp_path_factory.mktemp("folders")
    sizes = ["--max-steps", "2", "--hidden-size", "8", "--context", "8", "--batch-size", "2"]
    for name in (NETWORK, GPT):
        run = ["train", "lm", "--architecture", name, "--threads", "1", "--dev", "0", *sizes]
        result = invoke(*run, "-o", str(made / name), stdin="いろはにほへと\nちりぬるを\n")
        assert result.exit_code == 0, result.stderr
    return made


@pytest.mark.parametrize(
    "command",
    [
        ["embed"], ["embed", "--tokens"], ["similarity"], ["search", "--corpus", "-", "い"], ["map"], ["fill-mask"], ["mask"],
        ["nsp"], ["attention"], ["probe"], ["neighbors"], ["classify", "--labels", "a,b"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_network_of_our_own_is_called_so(command: list[str], folders: Path, invoke: Invoke) -> None:
    folder = folders / NETWORK
    result = invoke(*command, "-m", str(folder), stdin="いろ\n")
    assert (result.exit_code, result.stdout) == (4, "")
    assert f"{folder} {WHAT}: no model for this" in result.stderr
    assert f"nlptool generate -m {folder} runs it" in result.stderr


@pytest.mark.parametrize("command", ["classify", "tag", "choose", "answer"])
@pytest.mark.parametrize("name", [NETWORK, GPT])
def test_what_runs_a_fine_tuned_network_names_what_runs_this(
    command: str, name: str, folders: Path, invoke: Invoke
) -> None:
    result = invoke(command, "-m", str(folders / name), stdin="いろ\n")
    assert (result.exit_code, result.stdout) == (4, "")
    said = "it is a language model of `nlptool train lm`" if name == NETWORK else "it was trained to write on"
    assert said in result.stderr
    assert f"nlptool generate -m {folders / name} runs it" in result.stderr
    assert "--base" not in result.stderr


@pytest.mark.parametrize("command", ["fill-mask", "nsp", "mask"])
def test_a_gpt_fills_no_masks_and_continues_texts(command: str, folders: Path, invoke: Invoke) -> None:
    result = invoke(command, "-m", str(folders / GPT), stdin="いろ\n")
    assert result.exit_code == 4
    assert f"nlptool generate -m {folders / GPT} continues texts with it" in result.stderr


def test_it_is_no_base_of_a_classifier(folders: Path, invoke: Invoke, tmp_path: Path) -> None:
    examples = "いい本\tgood\n悪い本\tbad\n" * 4
    run = ["train", "classifier", "--method", "finetune", "--dev", "0", "--base", str(folders / NETWORK)]
    result = invoke(*run, "-o", str(tmp_path / "m"), stdin=examples)
    assert result.exit_code == 4
    assert WHAT in result.stderr


def test_models_show_misses_nothing_of_a_whole_folder(folders: Path, invoke: Invoke) -> None:
    about = json.loads(invoke("models", "show", str(folders / NETWORK)).stdout)
    assert (about["task"], about["offline"], about.get("missing")) == ("generate", True, None)


@pytest.mark.parametrize(("name", "reason"), [(NETWORK, "has no attention: its network is no Transformer")])
def test_what_has_no_attention_says_why(name: str, reason: str, folders: Path, invoke: Invoke) -> None:
    result = invoke("generate", "--attention", "-m", str(folders / name), stdin="いろ\n")
    assert reason in result.stderr
    assert "nlptool train lm --architecture transformer" in result.stderr
