"""Convert a generation model of transformers to CTranslate2, with CTranslate2's own converter.

Written are the model in float32, the vocabulary, and ``generation.json`` with the configuration (``transformers_config``). The
tokens of CTranslate2's vocabulary are the digits of their ids, so that no two are equal, and the converter needs no tokenizer.
The copy is compared with the original on a few texts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nlptool.errors import NotConvertible
from nlptool.models.generation import constraints as decoder_constraints
from nlptool.models.generation import ct2_backend, pieces, torch_backend, transformers_config
from nlptool.models.generation.constraints import DECODER, ENCODER_DECODER, SOURCE, TARGET, DecoderConstraints
from nlptool.models.generation.decoding import Decoding
from nlptool.models.runtime import transformers_loading
from nlptool.models.seq2seq.ct2_export import token
from nlptool.models.store.kinds import GENERATOR

LARGEST_DIFFERENCE = 1e-3  # of a log-probability, over the tokens of a short text
_SAMPLE = ["a", "A plane is taking off.", "東京は日本の首都です。"]
_SHORT = 8  # tokens


def convert_generation(folder: Path, target: Path, *, allow_pickle: bool = False) -> None:
    """Write the model in ``folder``, its vocabulary and ``generation.json`` to ``target``.

    Raises:
        NotConvertible: CTranslate2 does not support the architecture, or gives other probabilities.
        ModelError: as for ``transformers_config.describe`` and ``torch_backend.load``.
    """
    tokenizer = transformers_config.load_tokenizer(folder)
    config = transformers_config.describe(folder, tokenizer)
    network = torch_backend.load(folder, allow_pickle=allow_pickle)
    transformers_loading.check_tokenizer(network, tokenizer, folder)
    with transformers_loading.silenced(), torch.inference_mode():
        _write(network, config, target)
    if config["form"] == pieces.TOKENIZERS:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.save(str(target / "tokenizer.json"), pretty=False)
    else:
        for name in pieces.FILES[config["form"]]:
            shutil.copyfile(folder / name, target / name)
    (target / GENERATOR.manifest).write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    _compare(network, config, target)


def _write(network: Any, config: Mapping[str, Any], target: Path) -> None:
    """Run CTranslate2's converter on a loaded network; NotConvertible if it does not support the architecture."""
    from ctranslate2.converters.transformers import _MODEL_LOADERS, BartLoader, TransformersConverter

    class Marian(BartLoader):  # type: ignore[misc]
        """Loads Marian as BART, whose architecture it has. CTranslate2's own loader drops the last token of the vocabulary as
        padding, which changes the probabilities of the others."""

    class Converter(TransformersConverter):  # type: ignore[misc]
        """Converts a loaded network, with ids as tokens."""

        def _load(self) -> Any:
            name = type(network.config).__name__
            loader = Marian() if name == "MarianConfig" else _MODEL_LOADERS.get(name)
            if loader is None:
                raise NotConvertible(f"CTranslate2 has no converter for a {network.config.model_type}")
            _restore_names(network)
            spec = loader.get_model_spec(network)
            loader.set_vocabulary(spec, [token(id) for id in range(config["size"])])
            ends = config["ends"] or [config["pad_id"]]
            spec.config.bos_token = spec.config.unk_token = token(config["pad_id"])
            spec.config.eos_token = token(ends[0])
            epsilons = (getattr(network.config, key, None) for key in ("layer_norm_epsilon", "layer_norm_eps"))
            spec.config.layer_norm_epsilon = next((epsilon for epsilon in epsilons if epsilon is not None), None)
            if config["kind"] == ENCODER_DECODER:
                spec.config.decoder_start_token = None  # it is part of the target prefix of each text
            return spec

    try:
        Converter("").convert(str(target), quantization="float32", force=True)
    except (NotConvertible, OSError):
        raise
    except Exception as error:  # the converter was written for other releases
        raise NotConvertible(f"CTranslate2's converter fails: {type(error).__name__}: {str(error)[:200]}") from error


_NORMALIZATION = {  # whether layer norm comes before each sublayer, and whether after the embeddings
    "bart": (False, True),
    "marian": (False, False),
    "mbart": (True, True),
    "pegasus": (True, False),
}


def _restore_names(network: Any) -> None:
    """Give a network the attributes that CTranslate2's converter (4.8) reads, and transformers 5 has removed."""
    config, model_type = network.config, network.config.model_type
    if model_type in _NORMALIZATION:
        config.normalize_before, config.normalize_embedding = _NORMALIZATION[model_type]
    if model_type in ("t5", "mt5"):  # whether the states are scaled before the head
        config.tie_word_embeddings = bool(getattr(config, "scale_decoder_outputs", False))
    if model_type == "gpt_neox":
        config.rotary_pct = config.rope_parameters["partial_rotary_factor"]
        network.embed_out = network.lm_head


def _compare(network: Any, config: Mapping[str, Any], target: Path) -> None:
    """Compare the log-probabilities of the copy and of the network on a few texts; NotConvertible if they differ."""
    constraints = decoder_constraints.from_config(config, next(iter(config["languages"].values()), None))
    language = constraints.start_ids[-1:] if config["languages"] else ()
    ids_of = {SOURCE: language, TARGET: language}
    before, after = ([id for key in config[part] for id in ids_of.get(key, (key,))] for part in ("before", "after"))
    lines = pieces.read(target, config).tokenize(_SAMPLE)
    positions = constraints.max_positions or 4 * _SHORT
    n_new = max(1, min(_SHORT, positions // 4))
    n_read = max(1, min(_SHORT, positions - n_new - len(before) - len(after)))
    sources = [[*before, *line.ids[:n_read], *after] for line in lines if line.ids]
    decoding = Decoding(max_new_tokens=n_new)
    try:
        hypotheses = ct2_backend.open_engine(target, constraints, threads=1).generate(sources, decoding, [])
    except Exception as error:  # CTranslate2 raises RuntimeError and others
        raise NotConvertible(f"its converted copy does not run: {str(error)[:200]}") from error
    for source, (hypothesis,) in zip(sources, hypotheses, strict=True):
        ends = [[id] for id in constraints.end_ids] if hypothesis.finish_reason == "stop" else [[]]
        ours = hypothesis.log_probability
        possible = [_log_probability(network, constraints, source, hypothesis.ids + end) for end in ends]
        theirs = min(possible, key=lambda value: abs(value - ours))
        if not abs(theirs - ours) <= LARGEST_DIFFERENCE * (1 + abs(theirs)):  # true for NaN too
            raise NotConvertible(f"its converted copy gives a log-probability of {ours:.4f}, and not {theirs:.4f}")


def _log_probability(network: Any, constraints: DecoderConstraints, source: list[int], ids: list[int]) -> float:
    """Return the network's log-probability of an output."""
    prefix = list(constraints.start_ids or source)
    inputs = {"input_ids": torch.tensor([source]), "decoder_input_ids": torch.tensor([prefix + ids])}
    if constraints.kind == DECODER:
        inputs = {"input_ids": inputs["decoder_input_ids"]}
    with torch.inference_mode():
        logits = network(**inputs).logits[0, len(prefix) - 1 : -1]  # (T, V)
    return float(logits.double().log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).sum())
