"""Masked language models of the real architectures, with random weights that are large enough for probabilities to differ."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

DATA = Path(__file__).parent.parent / "data"
LINES = [
    *(DATA / "sentences.txt").read_text(encoding="utf-8").splitlines(),
    *(DATA / "yume_juya.txt").read_text(encoding="utf-8").splitlines(),
]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
POSITIONS = 64

TWO_HEADS = {
    "bert": "BertForPreTraining",
    "bert-japanese": "BertForPreTraining",
    "ernie": "ErnieForPreTraining",
    "fnet": "FNetForPreTraining",
    "megatron": "MegatronBertForPreTraining",
    "mobilebert": "MobileBertForPreTraining",
}
ONE_HEAD = {
    "albert": "AlbertForMaskedLM",
    "bert-characters": "BertForMaskedLM",
    "camembert": "CamembertForMaskedLM",
    "deberta": "DebertaV2ForMaskedLM",
    "distilbert": "DistilBertForMaskedLM",
    "electra": "ElectraForMaskedLM",
    "modernbert": "ModernBertForMaskedLM",
    "mpnet": "MPNetForMaskedLM",
    "roberta": "RobertaForMaskedLM",
    "xlm-roberta": "XLMRobertaForMaskedLM",
}
_BYTES = ("modernbert", "roberta")
_UNIGRAM = ("albert", "camembert", "deberta", "xlm-roberta")
_MORE: dict[str, dict[str, Any]] = {
    "albert": {"embedding_size": 24, "type_vocab_size": 2},
    "deberta": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    "electra": {"embedding_size": 24},
    "mobilebert": {"embedding_size": 24, "intra_bottleneck_size": 24},
    "modernbert": {"local_attention": 8, "global_attn_every_n_layers": 2},
}


def network(kind: str, size: int, pad_id: int, **more: Any) -> Any:
    """A network with random weights, the same every time."""
    name = (TWO_HEADS | ONE_HEAD)[kind]
    config = getattr(transformers, name.partition("For")[0] + "Config")
    torch.manual_seed(0)
    sizes = {
        "vocab_size": size, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
        "max_position_embeddings": POSITIONS, "initializer_range": 0.4, "pad_token_id": pad_id, "bos_token_id": 2,
        "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3,
    }  # fmt: skip
    made = getattr(transformers, name)(config(**sizes | _MORE.get(kind, {}) | more)).eval()
    with torch.no_grad():  # biases and normalisations begin as zeros and ones, which would hide that one is lost
        for tensor in made.parameters():
            if tensor.dim() == 1:
                tensor.add_(0.2 * torch.randn_like(tensor))
    return made


@cache
def _trained(kind: str) -> str:
    """A tokenizer, trained on the data of the tests, as JSON."""
    names = BERT if kind == "wordpiece" else ROBERTA
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=900, special_tokens=names, show_progress=False)
    elif kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=900, special_tokens=names, initial_alphabet=alphabet, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=1500, special_tokens=names, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(LINES, trainer)
    start, end = names[2:4]
    twice = f"{start} $A {end} $B:1 {end}:1" if kind == "wordpiece" else f"{start} $A {end} {end} $B {end}"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", pair=twice, special_tokens=[(start, 2), (end, 3)]
    )
    if kind == "bytes":
        tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])  # as RoBERTa's
    return tokenizer.to_str()


def tokenizer(kind: str, folder: Path) -> Any:
    """The tokenizer of transformers for a kind of model."""
    if kind in ("bert-japanese", "bert-characters"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in _japanese(kind)), encoding="utf-8")
        return transformers.BertJapaneseTokenizer(
            str(folder / "vocab.txt"),
            do_lower_case=False,
            word_tokenizer_type="mecab",
            subword_tokenizer_type="character" if kind == "bert-characters" else "wordpiece",
            mecab_kwargs={"mecab_dic": "unidic_lite"},
            model_max_length=POSITIONS,
        )
    form = "bytes" if kind in _BYTES else "unigram" if kind in _UNIGRAM else "wordpiece"
    names = BERT if form == "wordpiece" else ROBERTA
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_trained(form)), **dict(zip(ROLES, names, strict=True))
    )


@cache
def _japanese(kind: str) -> list[str]:
    """A vocabulary that has half of the words whole."""
    from nlptool.models.japanese.bert_words import JapaneseWords

    cut = JapaneseWords("unidic_lite")
    words = sorted({word for line in LINES for word in cut(line)})
    letters = sorted({letter for word in words for letter in word} - set("犬月"))
    return [*BERT, *letters, *(f"##{letter}" for letter in letters), *(word for word in words[::2] if len(word) > 1)]


def save(kind: str, folder: Path, **more: Any) -> Path:
    """A model and its tokenizer as transformers writes them."""
    own = tokenizer(kind, folder)
    network(kind, len(own), own.pad_token_id, **more).save_pretrained(folder)
    own.save_pretrained(folder)
    return folder
