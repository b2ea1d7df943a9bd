"""The students: a table of token vectors, and a small BERT. Both take token ids and give unit vectors.

Saved, they are models of sentence-transformers: StaticEmbedding and Normalize; Transformer, Pooling, Dense and Normalize.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nlptool.errors import ModelError
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.training.saving import PRECISIONS, save_dtype_of
from nlptool.training.unigram import PAD_ID

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import BertModel

POOLINGS = ("mean", "cls", "max")

_TOGETHER = 64
"""Texts of similar length that the network gets at once; larger batches fall out of the processor's cache."""

_RIDGE = 1e-3


class Table(nn.Module):
    """The mean of the tokens' vectors. What a token weighs is the length of its vector.

    Args:
        rows: (V, D), the initial vectors.
    """

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows.clone())

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The vectors (B, D) of B texts whose token ids stand one behind the other in ``ids``."""
        starts = torch.cumsum(lengths, 0) - lengths
        return functional.normalize(functional.embedding_bag(ids, self.rows, starts, mode="sum"), dim=1)

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """The parameters with their learning rates, for the optimizer."""
        return [{"params": [self.rows], "lr": rate, "weight_decay": 0.0}]

    def save(self, folder: Path, tokenizer: Tokenizer, precision: str) -> None:
        """Write it as a model of sentence-transformers."""
        with silenced(), save_dtype_of(folder):
            from sentence_transformers import SentenceTransformer
            from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

            rows = self.rows.detach().cpu()
            modules: list[nn.Module] = [StaticEmbedding(tokenizer, embedding_weights=rows.numpy()), Normalize()]
            model = SentenceTransformer(modules=modules, device="cpu")
            model.to(PRECISIONS[precision]).save(str(folder), create_model_card=False)


class Bert(nn.Module):
    """A BERT, pooled, and a linear map to the teacher's space.

    Args:
        network: of transformers, without its pooler.
        dim: D, of the vectors.
        pooling: mean, cls or max.
    """

    def __init__(self, network: BertModel, dim: int, pooling: str) -> None:
        super().__init__()
        self.network = network
        self.pooling = pooling
        self.head = nn.Linear(network.config.hidden_size, dim)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The vectors (B, D) of B texts whose token ids stand one behind the other in ``ids``."""
        return functional.normalize(self.head(self.pooled(ids, lengths)), dim=1)

    def pooled(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(B, H), before the linear map. Texts of similar length are computed together, so that little is padded."""
        texts = torch.split(ids, lengths.tolist())
        order = torch.argsort(lengths, stable=True)
        parts = []
        for rows in torch.split(order, _TOGETHER):
            padded = nn.utils.rnn.pad_sequence([texts[row] for row in rows], batch_first=True, padding_value=PAD_ID)
            there = torch.arange(padded.shape[1], device=ids.device) < lengths[rows, None]  # (b, T)
            states = self.network(input_ids=padded, attention_mask=None if there.all() else there).last_hidden_state
            parts.append(self._pool(states, there))
        return torch.cat(parts)[torch.argsort(order)]

    def _pool(self, states: Tensor, there: Tensor) -> Tensor:
        """(b, T, H) to (b, H)."""
        if self.pooling == "cls":
            return states[:, 0]
        if self.pooling == "max":
            return states.masked_fill(~there[:, :, None], -torch.inf).amax(1)
        mask = there.to(states.dtype)
        return (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)

    @torch.no_grad()
    def fit_head(self, pooled: Tensor, targets: Tensor) -> None:
        """Begin with the linear map that brings ``pooled`` (n, H) nearest to ``targets`` (n, D): ridge regression."""
        with_one = torch.cat([pooled, pooled.new_ones(len(pooled), 1)], 1).double()
        ridge = _RIDGE * len(pooled) * torch.eye(with_one.shape[1], dtype=torch.float64, device=pooled.device)
        found = torch.linalg.solve(with_one.T @ with_one + ridge, with_one.T @ targets.double()).float()
        self.head.weight.copy_(found[:-1].T)
        self.head.bias.copy_(found[-1])

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """The parameters with their learning rates, for the optimizer: matrices decay, vectors and tables do not."""
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self.named_parameters():
            (matrices if parameter.ndim > 1 and "embeddings" not in name else others).append(parameter)
        return [
            {"params": matrices, "lr": rate, "weight_decay": 0.01},
            {"params": others, "lr": rate, "weight_decay": 0.0},
        ]

    def save(self, folder: Path, tokenizer: Tokenizer, precision: str) -> None:
        """Write it as a model of sentence-transformers."""
        with silenced(), save_dtype_of(folder), tempfile.TemporaryDirectory() as work:
            from sentence_transformers import SentenceTransformer
            from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
            from transformers import PreTrainedTokenizerFast

            config = self.network.config
            dtype = PRECISIONS[precision]
            self.network.save_pretrained(work)
            fast: Any = PreTrainedTokenizerFast
            fast(
                tokenizer_object=tokenizer,
                model_max_length=config.max_position_embeddings,
                model_input_names=["input_ids", "attention_mask"],
                **special_tokens(tokenizer),
            ).save_pretrained(work)
            dense = Dense(config.hidden_size, self.head.out_features, activation_function=nn.Identity())
            dense.linear.load_state_dict({name: each.cpu() for name, each in self.head.state_dict().items()})
            transformer = Transformer(work, max_seq_length=config.max_position_embeddings)
            for parameter in transformer.model.pooler.parameters():
                nn.init.zeros_(parameter)  # nobody uses it, but transformers would miss it; it is random otherwise
            modules: list[nn.Module] = [
                transformer,
                Pooling(config.hidden_size, pooling_mode=self.pooling),
                dense,
                Normalize(),
            ]
            model = SentenceTransformer(modules=modules, device="cpu")
            model.to(dtype).save(str(folder), create_model_card=False)


def special_tokens(tokenizer: Tokenizer) -> dict[str, str]:
    """Those that it has: ``{"pad_token": "[PAD]", ...}``, or ``<pad>``, as XLM-R writes it."""
    return {
        f"{name}_token": token
        for name in ("pad", "unk", "cls", "sep", "mask")
        for token in (f"[{name.upper()}]", f"<{name}>")
        if tokenizer.token_to_id(token) is not None
    }


def bert(
    *, vocabulary: int, width: int, layers: int, heads: int, feed_forward: int, max_length: int, dim: int, pooling: str
) -> Bert:
    """A new BERT with random weights."""
    with silenced():
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=feed_forward,
            max_position_embeddings=max_length,
            type_vocab_size=1,
            hidden_dropout_prob=0.0,  # the teacher's vectors are no small sample that could be learned by heart
            attention_probs_dropout_prob=0.0,
            pad_token_id=PAD_ID,
        )
        network = BertModel(config, add_pooling_layer=False)
    blocks: Any = network.encoder.layer
    for layer in blocks:
        for linear in (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value):
            nn.init.normal_(linear.weight, std=width**-0.5)
        nn.init.normal_(layer.intermediate.dense.weight, std=width**-0.5)
        for linear in (layer.attention.output.dense, layer.output.dense):  # near the identity
            nn.init.normal_(linear.weight, std=0.01)
    return Bert(network, dim, pooling)


@torch.no_grad()
def begin_as(student: Bert, rows: Tensor, shares: Tensor) -> None:
    """Let the student begin as the mean of a table's vectors: its token embeddings are the table's rows, and its layers
    change little.

    BERT puts every embedding to the same length at once, which would take away what a row says by its length: how much
    its token weighs. So all of them get one large vector added (the token type's): beside it, rows keep their proportions.

    Args:
        rows: (V, H).
        shares: (V,), of the corpus's tokens: the frequent ones decide on the scale.
    """
    embeddings = student.network.embeddings
    scale = ((rows**2).mean(1) * shares).sum().sqrt()
    embeddings.word_embeddings.weight.copy_(rows / scale)
    embeddings.token_type_embeddings.weight.copy_(torch.tensor([1.0, -1.0]).repeat(rows.shape[1])[: rows.shape[1]])
    nn.init.normal_(embeddings.position_embeddings.weight, std=0.02)


def pretrained(folder: Path, *, dim: int, pooling: str, max_length: int) -> Bert:
    """The BERT of a folder of transformers, to go on from.

    Raises:
        ModelError: it cannot be loaded, or is no BERT.
    """
    with silenced():
        from transformers import AutoModel, BertModel

        try:
            network = AutoModel.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
            )
        except Exception as error:  # of many libraries
            raise ModelError(f"{folder} cannot be loaded: {str(error).partition(chr(10))[0]}") from error
    if not isinstance(network, BertModel):
        raise ModelError(f"{folder} holds a {type(network).__name__}, no BERT to begin with")
    network.pooler = None
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # as in ``bert``; and an interrupted training would draw other numbers when it goes on
    if max_length > network.config.max_position_embeddings:
        raise ModelError(
            f"{folder} takes {network.config.max_position_embeddings:,} tokens, fewer than --max-length {max_length:,}"
        )
    return Bert(network, dim, pooling)


def parameters(student: nn.Module) -> int:
    """How many numbers it has learned."""
    return sum(each.numel() for each in student.parameters())


def is_finite(student: nn.Module) -> bool:
    """Whether no NaN or infinity is among them."""
    return all(bool(each.isfinite().all()) for each in student.parameters())
