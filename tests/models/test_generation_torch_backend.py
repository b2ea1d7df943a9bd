"""Generation in torch against transformers' own ``generate``, on small random models of the real architectures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import generation_models
import numpy as np
import pytest
import torch
from torch import Tensor

from nlptool.errors import ModelError
from nlptool.models.generation import torch_backend
from nlptool.models.generation.constraints import DECODER, ENCODER_DECODER, DecoderConstraints
from nlptool.models.generation.decoding import Decoding, Hypothesis
from nlptool.models.generation.torch_backend import TorchEngine
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import ARCHITECTURES, BOS, EOS, NEVER_GENERATED, PAD, Seq2SeqConfig
from nlptool.training.seq2seq import vocabulary as seq2seq_vocabulary

N_NEW = 14
KINDS = sorted(generation_models.KINDS)
FORCED = {"mbart50": "ja_XX", "nllb": "jpn_Jpan", "m2m100": "__ja__"}  # the language that the output is in


@dataclass(frozen=True, slots=True)
class Case:
    """A model, the same one in transformers, and sources of several lengths."""

    engine: TorchEngine
    network: Any
    constraints: DecoderConstraints
    sources: list[list[int]]
    folder: Path

    def generate(self, sources: Sequence[Sequence[int]], decoding: Decoding) -> list[list[Hypothesis]]:
        seeds = [[3, *source] for source in sources]
        return self.engine.generate(sources, replace(decoding, max_new_tokens=N_NEW), seeds)

    def expected(self, source: list[int], **more: Any) -> tuple[list[list[int]], list[float]]:
        """The texts that transformers finds, and what it ranks them by."""
        n_forced = max(0, len(self.constraints.start_ids) - 1)  # transformers counts it as new
        more["min_new_tokens"] = more["min_new_tokens"] + n_forced if "min_new_tokens" in more else 0
        ids = torch.tensor([source])
        found = self.network.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=N_NEW + n_forced, return_dict_in_generate=True,
            output_scores=True, do_sample=False, eos_token_id=list(self.constraints.end_ids), **more,
        )  # fmt: skip
        before = len(self.constraints.start_ids or source)
        scores = found.get("sequences_scores")
        texts = [cut(text[before:], self.constraints.end_ids) for text in found.sequences.tolist()]
        return texts, [] if scores is None else scores.tolist()

    def rescored(self, source: list[int], text: Hypothesis, end: int | None) -> float:
        """The log-probability of a text by one look of transformers at all of it."""
        ids = [*text.ids, *([] if end is None else [end])]
        before = list(self.constraints.start_ids or source)
        inputs = torch.tensor([[*before, *ids[:-1]]])
        with torch.inference_mode():
            if self.constraints.kind == DECODER:
                logits = self.network(input_ids=inputs).logits
            else:
                logits = self.network(input_ids=torch.tensor([source]), decoder_input_ids=inputs).logits
        said = logits[0, len(before) - 1 :].double().log_softmax(-1)
        return float(said.gather(1, torch.tensor(ids)[:, None]).sum())


def cut(ids: list[int], ends: Sequence[int]) -> list[int]:
    """A text up to its end, or to the greatest length."""
    at = next((place for place, id in enumerate(ids) if id in ends), N_NEW)
    return ids[:at]


@pytest.fixture(scope="module", params=KINDS)
def case(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    network, own = generation_models.save(kind, folder)
    config, settings = network.config, network.generation_config
    settings.forced_eos_token_id = None
    settings.max_length = None
    start: tuple[int, ...] = ()
    if config.is_encoder_decoder:
        start = (config.decoder_start_token_id,)
        if kind in FORCED:
            settings.forced_bos_token_id = own.convert_tokens_to_ids(FORCED[kind])
            assert settings.forced_bos_token_id != own.unk_token_id
            start += (settings.forced_bos_token_id,)
    numbers = np.random.default_rng(5)  # the tokenizers, which are trained, do not cut a text the same way every time
    tail = [own.eos_token_id] if config.is_encoder_decoder else []
    sources = [numbers.integers(10, 600, n_tokens).tolist() + tail for n_tokens in (6, 17, 1, 11)]
    constraints = DecoderConstraints(
        kind=ENCODER_DECODER if config.is_encoder_decoder else DECODER, vocab_size=config.vocab_size, start_ids=start,
        end_ids=(own.eos_token_id,), max_positions=None, pad_id=own.pad_token_id,
    )  # fmt: skip
    # Random models hardly ever end a text: two of the tokens that they like become ends besides.
    bare = Case(torch_backend.open_engine(folder, constraints, name=kind), network, constraints, sources, folder)
    liked = [
        text.ids[at] for (text,), at in zip(bare.generate(sources, Decoding()), (5, 2), strict=False) if text.ids[at:]
    ]
    constraints = replace(constraints, end_ids=tuple(dict.fromkeys((*constraints.end_ids, *liked))))
    yield Case(torch_backend.open_engine(folder, constraints, name=kind), network, constraints, sources, folder)


DECODINGS = {
    "greedy": (Decoding(), {}),
    "no bigram twice": (Decoding(no_repeat_ngram=2), {"no_repeat_ngram_size": 2}),
    "not before 8": (Decoding(min_new_tokens=8), {"min_new_tokens": 8}),
    "beams": (Decoding(beams=4, n_return=4), {"num_beams": 4, "num_return_sequences": 4}),
    "beams, long texts": (
        Decoding(beams=3, n_return=3, length_penalty=2.0, no_repeat_ngram=2, min_new_tokens=3),
        {"num_beams": 3, "num_return_sequences": 3, "length_penalty": 2.0, "no_repeat_ngram_size": 2, "min_new_tokens": 3},
    ),
    "beams, whatever length": (
        Decoding(beams=5, n_return=2, length_penalty=0.0),
        {"num_beams": 5, "num_return_sequences": 2, "length_penalty": 0.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DECODINGS)
def test_texts_are_those_of_transformers_alone_and_in_a_batch(case: Case, name: str) -> None:
    decoding, more = DECODINGS[name]
    together = case.generate(case.sources, decoding)
    for source, texts in zip(case.sources, together, strict=True):
        expected, scores = case.expected(source, **more)
        (alone,) = case.generate([source], decoding)
        assert [text.ids for text in alone] == expected
        assert [text.ids for text in texts] == expected
        for text, score in zip(texts, scores, strict=False):
            n_tokens = len(text.ids) + (text.finish_reason == "stop") + max(0, len(case.constraints.start_ids) - 1)
            assert text.log_probability / n_tokens**decoding.length_penalty == pytest.approx(score, abs=1e-4)
        for text, other in zip(alone, texts, strict=True):
            assert text.finish_reason == other.finish_reason
            assert text.log_probability == pytest.approx(other.log_probability, abs=1e-4)


@pytest.mark.parametrize(
    "decoding", [Decoding(), Decoding(beams=4, n_return=4), Decoding(sample=True, n_return=3, top_k=9)]
)
def test_the_log_probability_is_what_transformers_gives_the_whole_text(case: Case, decoding: Decoding) -> None:
    reasons = set()
    for source, texts in zip(case.sources, case.generate(case.sources, decoding), strict=True):
        for text in texts:
            reasons.add(text.finish_reason)
            ends: Sequence[int | None] = case.constraints.end_ids if text.finish_reason == "stop" else [None]
            totals = [case.rescored(source, text, end) for end in ends]
            assert min(abs(text.log_probability - total) for total in totals) < 1e-4
            assert (len(text.ids) == N_NEW) == (text.finish_reason == "length")
    assert "stop" in reasons or decoding != Decoding()


def test_samples_depend_neither_on_the_batch_nor_on_its_order(case: Case) -> None:
    decoding = Decoding(sample=True, n_return=3, temperature=1.5, min_new_tokens=4)
    together = ids_of(case.generate(case.sources, decoding))
    assert [ids_of(case.generate([source], decoding))[0] for source in case.sources] == together
    assert ids_of(case.generate(case.sources[::-1], decoding))[::-1] == together
    assert all(len({tuple(text) for text in texts}) > 1 for texts in together[:2])


def ids_of(found: list[list[Hypothesis]]) -> list[list[list[int]]]:
    return [[text.ids for text in texts] for texts in found]


def test_a_stream_gives_the_same_text(case: Case) -> None:
    for decoding in (Decoding(max_new_tokens=N_NEW), Decoding(max_new_tokens=N_NEW, sample=True)):
        source = case.sources[1]
        *tokens, last = case.engine.stream(source, decoding, [3, *source])
        ((expected,),) = case.generate([source], decoding)
        assert isinstance(last, Hypothesis)
        assert tokens == last.ids == expected.ids


def test_the_attention_is_that_of_transformers(case: Case) -> None:
    source = case.sources[0]
    ids = [*case.generate([source], Decoding())[0][0].ids, case.constraints.end_ids[0]]
    weights = case.engine.attention(source, ids)
    before = list(case.constraints.start_ids or source)
    inputs = torch.tensor([[*before, *ids[:-1]]])
    case.network.set_attn_implementation("eager")
    with torch.inference_mode():
        if case.constraints.kind == DECODER:
            found = case.network(input_ids=inputs, output_attentions=True).attentions
        else:
            found = case.network(
                input_ids=torch.tensor([source]), decoder_input_ids=inputs, output_attentions=True
            ).cross_attentions
    expected = torch.stack(found)[:, 0, :, len(before) - 1 :, : len(source)].numpy()
    case.network.set_attn_implementation("sdpa")
    assert weights.dtype == np.float32
    assert weights.shape == (2, 4, len(ids), len(source))
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    if case.constraints.kind == DECODER:  # the rest is what a token looks at in the text itself
        assert weights.sum(-1).max() <= 1 + 1e-5
        np.testing.assert_allclose(weights.sum(-1)[:, :, 0], 1, atol=1e-5)
    else:
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


def test_no_tokens_have_no_attention_to_show(case: Case) -> None:
    assert case.engine.attention(case.sources[0], []).size == 0


def test_looking_at_the_attention_changes_no_later_text(case: Case) -> None:
    before = case.generate(case.sources, Decoding())
    case.engine.attention(case.sources[0], [5, 6])
    assert case.generate(case.sources, Decoding()) == before


def test_bfloat16_gives_probabilities_like_those_of_float32(case: Case) -> None:
    engine = torch_backend.open_engine(case.folder, case.constraints, name="half", dtype="bfloat16")
    decoding = Decoding(max_new_tokens=1)
    for source in case.sources:
        ((text,),) = engine.generate([source], decoding, [()])
        end = case.constraints.end_ids if text.finish_reason == "stop" else [None]
        assert min(abs(case.rescored(source, text, each) - text.log_probability) for each in end) < 0.5


def test_the_positions_of_a_model_bound_its_texts(tmp_path: Path) -> None:
    generation_models.save("gpt2", tmp_path)
    constraints = DecoderConstraints(DECODER, 700, end_ids=(), max_positions=generation_models.POSITIONS, pad_id=1)
    engine = torch_backend.open_engine(tmp_path, constraints, name="gpt2")
    found = engine.generate([[5] * 90, [6] * 3], Decoding(max_new_tokens=40), [(), ()])
    assert [(len(text.ids), text.finish_reason) for (text,) in found] == [(6, "length"), (40, "length")]
    ((alone,),) = engine.generate([[6] * 3], Decoding(max_new_tokens=40), [()])
    assert alone.ids == found[1][0].ids


def test_a_large_vocabulary_is_gone_through_some_sources_at_a_time() -> None:
    class Wide:
        """Says the first token of its source until that many were said; notes how many rows it was asked for."""

        vocab_size = 1 << 24

        def __init__(self) -> None:
            self.rows: list[int] = []

        def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, Any]:
            return self._said(Row([*source[:1], 0] for source in sources))

        def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
            return self._said(Row([wanted, said + 1] for wanted, said in state))

        def attention(self, source: Sequence[int], ids: Sequence[int]) -> None:
            return None

        def _said(self, state: Any) -> tuple[Tensor, Any]:
            self.rows.append(len(state))
            logits = torch.zeros(len(state), 9)
            for row, (wanted, said) in enumerate(state):
                logits[row, wanted if said < wanted else 0] = 9
            return logits, state

    class Row(list[list[int]]):
        def reorder(self, rows: Tensor) -> Row:
            return Row(self[row] for row in rows.tolist())

    sources = [[number] for number in (3, 1, 4, 1, 5, 2, 6, 5, 3)]
    for decoding, most in ((Decoding(), 4), (Decoding(beams=2), 4), (Decoding(beams=16), 16)):
        network = Wide()
        engine = TorchEngine(
            network, DecoderConstraints(ENCODER_DECODER, 9, start_ids=(8,), end_ids=(0,)), "cpu", name="wide"
        )
        found = engine.generate(sources, decoding, [()] * 9)
        assert [texts[0].ids for texts in found] == [[number] * number for (number,) in sources]
        assert max(network.rows) <= most


def test_a_model_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    generation_models.save("t5", tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    name = next(name for name in weights if "decoder" in name and name.endswith("q.weight"))
    del weights[name]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="lacks 1 of the tensors") as caught:
        torch_backend.load(tmp_path)
    assert name in str(caught.value)


def test_a_pickle_is_opened_only_where_that_is_allowed(tmp_path: Path) -> None:
    network, _ = generation_models.save("gpt2", tmp_path)
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        torch_backend.load(tmp_path)
    opened = torch_backend.load(tmp_path, allow_pickle=True)
    assert torch.equal(opened.transformer.wte.weight, network.transformer.wte.weight)


def test_weights_that_do_not_fit_the_config_are_refused(tmp_path: Path) -> None:
    generation_models.save("bart", tmp_path)
    edit(tmp_path, d_model=64)
    with pytest.raises(ModelError, match=r"its weights do not fit its config\.json"):
        torch_backend.load(tmp_path)


def test_code_in_a_folder_is_not_run(tmp_path: Path) -> None:
    generation_models.save("gpt2", tmp_path)
    edit(tmp_path, model_type="mine", auto_map={"AutoModelForCausalLM": "mine.Mine"})
    (tmp_path / "mine.py").write_text("raise SystemExit('it was run')")
    with pytest.raises(ModelError, match="asks for code of its own"):
        torch_backend.load(tmp_path)


def test_a_model_for_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(ModelError, match="is a vit, which writes no text"):
        torch_backend.load(tmp_path)


def edit(folder: Path, **fields: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.fixture(scope="module", params=ARCHITECTURES)
def own(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[TorchEngine, seq2seq_network.Seq2Seq]:
    """A random one, and itself."""
    folder = tmp_path_factory.mktemp(request.param)
    symbols = seq2seq_vocabulary.learn(["abcdefghijklmnop"], unit="characters", size=20)
    shape = Seq2SeqConfig(
        request.param, len(symbols), len(symbols), layers=2, hidden_size=32, heads=4, intermediate_size=64
    )
    torch.manual_seed(1)
    network = seq2seq_network.new(shape).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2.5)
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    seq2seq_folder.write(folder, weights, shape, symbols, symbols)
    constraints = DecoderConstraints(ENCODER_DECODER, len(symbols), start_ids=(BOS,), end_ids=(EOS,), pad_id=PAD)
    return torch_backend.open_engine(folder, constraints, name="ours"), network


SOURCES = [[4, 5, 6, EOS], [7, EOS], [8, 9, 10, 11, 12, 13, 14, EOS], [4, 4, 4, EOS]]


def test_a_network_of_our_own_goes_token_by_token_as_it_reads_a_whole_text(
    own: tuple[TorchEngine, seq2seq_network.Seq2Seq],
) -> None:
    engine, network = own
    found = engine.generate(SOURCES, Decoding(max_new_tokens=12), [()] * len(SOURCES))
    for source, (text,) in zip(SOURCES, found, strict=True):
        ids = [*text.ids, EOS] if text.finish_reason == "stop" else text.ids
        with torch.inference_mode():
            logits = network(torch.tensor([source]), torch.tensor([[BOS, *ids[:-1]]]))[0]
            logits[:, list(NEVER_GENERATED)] = -np.inf
        assert logits.argmax(-1).tolist() == ids
        total = float(logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).sum())
        assert text.log_probability == pytest.approx(total, abs=1e-4)
    for source, texts in zip(SOURCES, found, strict=True):
        assert ids_of(engine.generate([source], Decoding(max_new_tokens=12), [()])) == ids_of([texts])


def test_a_beam_search_of_our_own_is_no_worse_than_greedy_search_where_it_keeps_everything(
    own: tuple[TorchEngine, seq2seq_network.Seq2Seq],
) -> None:
    engine, _ = own
    none = [()] * len(SOURCES)
    greedy = engine.generate(SOURCES, Decoding(max_new_tokens=2), none)
    beams = engine.generate(SOURCES, Decoding(max_new_tokens=2, beams=400, n_return=400, length_penalty=0.0), none)
    for (text,), texts in zip(greedy, beams, strict=True):
        assert text.ids in [other.ids for other in texts]
        assert texts[0].log_probability >= text.log_probability - 1e-6
        assert len(texts) == 1 + 16 + 16 * 16
        assert sum(np.exp(other.log_probability) for other in texts) == pytest.approx(1, abs=1e-4)


def test_the_attention_of_our_networks_sums_to_one_and_one_without_any_says_so(
    own: tuple[TorchEngine, seq2seq_network.Seq2Seq],
) -> None:
    engine, network = own
    if network.config.architecture == "lstm":
        with pytest.raises(ModelError, match="ours has no attention"):
            engine.attention(SOURCES[0], [4, 5, EOS])
        return
    weights = engine.attention(SOURCES[2], [4, 5, EOS])
    layers, heads = (2, 4) if network.config.architecture == "transformer" else (1, 1)
    assert weights.shape == (layers, heads, 3, 8)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    # What is looked at when a token is said depends on the tokens before it alone.
    np.testing.assert_allclose(engine.attention(SOURCES[2], [4, 9, 9])[:, :, :2], weights[:, :, :2], atol=1e-6)
