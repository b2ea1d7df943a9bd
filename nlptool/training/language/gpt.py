"""A GPT: the network of transformers' ``GPT2LMHeadModel``, with layer norm before each sublayer.

A. Radford et al.: Language Models are Unsupervised Multitask Learners (2019).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, processors
from torch import Tensor, nn

from nlptool.errors import RunError
from nlptool.models.language.config import END, LanguageConfig
from nlptool.models.language.networks import LanguageNetwork, State
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.models.seq2seq.config import PAD, SPECIALS, UNK
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.training.saving import SAVE_DTYPES, folder_permissions


class Gpt(LanguageNetwork):
    """A Transformer whose tokens attend to those before them in a batch; nothing is carried from one batch to the next."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__(config)
        with silenced():
            from transformers import GPT2Config, GPT2LMHeadModel

            sizes = GPT2Config(
                vocab_size=config.vocab_size, n_positions=config.context, n_embd=config.hidden_size, n_layer=config.layers,
                n_head=config.heads, resid_pdrop=config.dropout, embd_pdrop=config.dropout, attn_pdrop=config.dropout,
                bos_token_id=END, eos_token_id=END, pad_token_id=PAD, tie_word_embeddings=config.tied, use_cache=False,
            )  # fmt: skip
            self.network: Any = GPT2LMHeadModel(sizes)
        blocks: Any = self.network.transformer.h
        for block in blocks:
            block.mlp.act = nn.GELU(approximate="tanh")  # the same function as transformers' gelu_new, in one kernel

    def begin(self, n_sequences: int) -> State:
        return ()

    def states(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        return self.network.transformer(input_ids=ids).last_hidden_state, ()

    def project(self, states: Tensor) -> Tensor:
        return self.network.lm_head(states)  # type: ignore[no-any-return]

    def matrices(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.network.transformer.h.parameters() if parameter.ndim == 2]


def new(config: LanguageConfig) -> Gpt:
    """Return a network with random weights."""
    return Gpt(config)


def save(network: Gpt, vocabulary: Vocabulary, folder: Path, precision: str) -> None:
    """Write network and tokenizer into a folder as transformers does. Its tokenizer puts </s> before a text, as in the training.

    Raises:
        RunError: the vocabulary has Japanese words, for which it has no such tokenizer.
        OSError: a file cannot be written.
    """
    whole = network.network
    whole.config.use_cache = True
    with silenced(), folder_permissions(folder):
        from transformers import PreTrainedTokenizerFast

        fast: Any = PreTrainedTokenizerFast
        whole.to(SAVE_DTYPES[precision]).save_pretrained(str(folder))
        fast(
            tokenizer_object=tokenizer_of(vocabulary), model_max_length=network.config.context, bos_token=SPECIALS[END],
            eos_token=SPECIALS[END], pad_token=SPECIALS[PAD], unk_token=SPECIALS[UNK],
        ).save_pretrained(str(folder))  # fmt: skip
    whole.float()


def tokenizer_of(vocabulary: Vocabulary) -> Tokenizer:
    """Return the tokenizer that begins each text with </s>.

    Raises:
        RunError: MeCab splits the texts.
    """
    if vocabulary.mecab:
        raise RunError(
            "transformers has no tokenizer for a GPT with the words of MeCab",
            hint="--token-unit subwords, or characters",
        )
    tokenizer = Tokenizer.from_str(vocabulary.as_json())
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SPECIALS[END]} $A", special_tokens=[(SPECIALS[END], END)]
    )
    return tokenizer
