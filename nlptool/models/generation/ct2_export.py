"""A model of transformers that generates, for CTranslate2, once, by its own converter.

What is written: the model in float32, the vocabulary, and ``generation.json`` with what has to be known beside them. The
tokens of CTranslate2's vocabulary are the digits of their ids, so that no two are spelled alike, and the converter needs no
tokenizer. The copy is run beside the original on a few texts before it is believed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nlptool.errors import NotConvertible
from nlptool.models.generation import constraints, ct2_backend, torch_backend, transformers_config
from nlptool.models.generation import tokenizer as generation_tokenizer
from nlptool.models.generation.constraints import DECODER, ENCODER_DECODER, SOURCE, TARGET
from nlptool.models.generation.decoding import Decoding
from nlptool.models.generation.tokenizer import TOKENIZERS
from nlptool.models.runtime import transformers_loading
from nlptool.models.seq2seq.ct2_export import token
from nlptool.models.store.kinds import GENERATOR

LARGEST_DIFFERENCE = 1e-3  # of a log-probability, over the tokens of a short text

_SAMPLE = ["a", "A plane is taking off.", "東京は日本の首都です。"]
_SHORT = 8  # tokens


def convert_generation(folder: Path, target: Path, *, allow_pickle: bool = False) -> None:
    """Write the model in ``folder``, its vocabulary and ``generation.json`` to ``target``.

    Raises:
        NotConvertible: CTranslate2 has no such architecture, or gives other texts.
        ModelError: as of ``generation_about`` and ``torch_generation.load``.
    """
    own = transformers_config.tokenizer(folder)
    about = transformers_config.describe(folder, own)
    loaded = torch_backend.load(folder, allow_pickle=allow_pickle)
    transformers_loading.check_tokenizer(loaded, own, folder)
    with transformers_loading.silenced(), torch.inference_mode():
        _write(loaded, about, target)
    if about["form"] == TOKENIZERS:
        own.backend_tokenizer.no_truncation()
        own.backend_tokenizer.no_padding()
        own.backend_tokenizer.save(str(target / "tokenizer.json"), pretty=False)
    else:
        for name in generation_tokenizer.FILES[about["form"]]:
            shutil.copyfile(folder / name, target / name)
    (target / GENERATOR.manifest).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    _compare(loaded, about, target)


def _write(loaded: Any, about: Mapping[str, Any], target: Path) -> None:
    """
    Raises:
        NotConvertible: CTranslate2 has no such architecture.
        OSError: the files cannot be written.
    """
    from ctranslate2.converters.transformers import _MODEL_LOADERS, BartLoader, TransformersConverter

    class Marian(BartLoader):  # type: ignore[misc]
        """As BART, which it is. CTranslate2's own loader takes the last token for padding and drops it: the probabilities of
        the others would not be those of the model."""

    class Converter(TransformersConverter):  # type: ignore[misc]
        """Takes a network that has been loaded, and numbers for tokens."""

        def _load(self) -> Any:
            name = type(loaded.config).__name__
            loader = Marian() if name == "MarianConfig" else _MODEL_LOADERS.get(name)
            if loader is None:
                raise NotConvertible(f"CTranslate2 has no converter for a {loaded.config.model_type}")
            _name_as_before(loaded)
            spec = loader.get_model_spec(loaded)
            loader.set_vocabulary(spec, [token(id) for id in range(about["size"])])
            ends = about["ends"] or [about["pad_id"]]
            spec.config.bos_token = spec.config.unk_token = token(about["pad_id"])
            spec.config.eos_token = token(ends[0])
            epsilons = (getattr(loaded.config, name, None) for name in ("layer_norm_epsilon", "layer_norm_eps"))
            spec.config.layer_norm_epsilon = next((each for each in epsilons if each is not None), None)
            if about["kind"] == ENCODER_DECODER:
                spec.config.decoder_start_token = None  # it stands in the beginning that is given with each text
            return spec

    try:
        Converter("").convert(str(target), quantization="float32", force=True)
    except (NotConvertible, OSError):
        raise
    except Exception as error:  # of a converter that was written for other releases
        raise NotConvertible(f"CTranslate2's converter fails: {type(error).__name__}: {str(error)[:200]}") from error


_NORMALISED = {  # before the layers rather than behind them, and behind the embeddings
    "bart": (False, True),
    "marian": (False, False),
    "mbart": (True, True),
    "pegasus": (True, False),
}


def _name_as_before(loaded: Any) -> None:
    """Give a network the names that CTranslate2's converter (4.8) looks for, and transformers 5 has given up."""
    config, kind = loaded.config, loaded.config.model_type
    if kind in _NORMALISED:
        config.normalize_before, config.normalize_embedding = _NORMALISED[kind]
    if kind in ("t5", "mt5"):  # whether the states are scaled before the head, which was said of tied weights alone
        config.tie_word_embeddings = bool(getattr(config, "scale_decoder_outputs", False))
    if kind == "gpt_neox":
        config.rotary_pct = config.rope_parameters["partial_rotary_factor"]
        loaded.embed_out = loaded.lm_head


def _compare(loaded: Any, about: Mapping[str, Any], target: Path) -> None:
    """
    Raises:
        NotConvertible: the copy does not run, or gives other probabilities than the network that it was made of.
    """
    rules = constraints.of(about, next(iter(about["languages"].values()), None))
    language = rules.start[-1:] if about["languages"] else ()
    read = generation_tokenizer.pieces(target, about)
    known = {SOURCE: language, TARGET: language}
    parts = [[id for each in about[part] for id in known.get(each, (each,))] for part in ("before", "after")]
    sources = [[*parts[0], *cut.ids[:_SHORT], *parts[1]] for cut in read.cut(_SAMPLE) if cut.ids]
    decoding = Decoding(max_new_tokens=min(_SHORT, (rules.positions or _SHORT) // 4))
    try:
        found = ct2_backend.open_engine(target, rules, threads=1).generate(sources, decoding, [])
    except Exception as error:  # of CTranslate2: RuntimeError and others
        raise NotConvertible(f"its converted copy does not run: {str(error)[:200]}") from error
    for source, (hypothesis,) in zip(sources, found, strict=True):
        ended = [[id] for id in rules.ends] if hypothesis.finish_reason == "stop" else [[]]
        ours = hypothesis.log_probability
        possible = [_log_probability(loaded, rules, source, hypothesis.ids + end) for end in ended]
        theirs = min(possible, key=lambda each: abs(each - ours))
        if not abs(theirs - ours) <= LARGEST_DIFFERENCE * (1 + abs(theirs)):  # nor if it is no number
            raise NotConvertible(f"its converted copy gives a log-probability of {ours:.4f}, and not {theirs:.4f}")


def _log_probability(loaded: Any, rules: constraints.DecoderConstraints, source: list[int], ids: list[int]) -> float:
    """What the network itself says of an output."""
    given = list(rules.start or source)
    inputs = {"input_ids": torch.tensor([source]), "decoder_input_ids": torch.tensor([given + ids])}
    if rules.kind == DECODER:
        inputs = {"input_ids": inputs["decoder_input_ids"]}
    with torch.inference_mode():
        logits = loaded(**inputs).logits[0, len(given) - 1 : -1]  # (T, V)
    return float(logits.double().log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).sum())
