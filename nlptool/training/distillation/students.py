"""The students of a distillation: a table of token vectors, and a small BERT. Both map token ids to unit vectors.

They are saved as models of sentence-transformers: StaticEmbedding and Normalize; Transformer, Pooling, Dense and Normalize.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nlptool.errors import ModelError
from nlptool.models.runtime import transformers_loading
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.training.bert_config import bert_config
from nlptool.training.saving import SAVE_DTYPES, folder_permissions
from nlptool.training.unigram import PAD_ID

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import BertModel

POOLINGS = ("mean", "cls", "max")
_BATCH = 64
"""Texts of similar length in a batch of the network; larger batches fall out of the processor's cache."""

_RIDGE = 1e-3  # regularisation of the linear map


class Table(nn.Module):
    """The mean of the tokens' vectors; the weight of a token is the length of its vector.

    Args:
        rows: (V, D), the initial vectors.
    """

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows.clone())

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the vectors (B, D) of B texts; ``ids`` are their concatenated token ids, ``lengths`` (B,) their lengths."""
        starts = torch.cumsum(lengths, 0) - lengths
        return functional.normalize(functional.embedding_bag(ids, self.rows, starts, mode="sum"), dim=1)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Return the parameters for the optimizer; a table has no weight decay."""
        return [{"params": [self.rows], "weight_decay": 0.0}]

    def save(self, folder: Path, tokenizer: Tokenizer, save_dtype: str) -> None:
        """Write a model of sentence-transformers."""
        with silenced(), folder_permissions(folder):
            from sentence_transformers import SentenceTransformer
            from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

            rows = self.rows.detach().cpu()
            modules: list[nn.Module] = [StaticEmbedding(tokenizer, embedding_weights=rows.numpy()), Normalize()]
            model = SentenceTransformer(modules=modules, device="cpu")
            model.to(SAVE_DTYPES[save_dtype]).save(str(folder), create_model_card=False)


class Bert(nn.Module):
    """A BERT with pooling, and a linear map to the teacher's space.

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
        """Return the vectors (B, D) of B texts; ``ids`` are their concatenated token ids, ``lengths`` (B,) their lengths."""
        return functional.normalize(self.head(self.pooled(ids, lengths)), dim=1)

    def pooled(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the vectors before the linear map, (B, H). Texts of similar length share a batch, which saves padding."""
        texts = torch.split(ids, lengths.tolist())
        order = torch.argsort(lengths, stable=True)
        parts = []
        for rows in torch.split(order, _BATCH):
            padded = nn.utils.rnn.pad_sequence([texts[row] for row in rows], batch_first=True, padding_value=PAD_ID)
            mask = torch.arange(padded.shape[1], device=ids.device) < lengths[rows, None]  # (b, T)
            states = self.network(input_ids=padded, attention_mask=None if mask.all() else mask).last_hidden_state
            parts.append(self._pool(states, mask))
        return torch.cat(parts)[torch.argsort(order)]

    def _pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool (b, T, H) to (b, H); ``mask`` (b, T) is False for padding."""
        if self.pooling == "cls":
            return states[:, 0]
        if self.pooling == "max":
            return states.masked_fill(~mask[:, :, None], -torch.inf).amax(1)
        weights = mask.to(states.dtype)
        return (states * weights[:, :, None]).sum(1) / weights.sum(1, keepdim=True)

    @torch.no_grad()
    def fit_head(self, pooled: Tensor, targets: Tensor) -> None:
        """Initialize the linear map by ridge regression from ``pooled`` (n, H) to ``targets`` (n, D)."""
        with_one = torch.cat([pooled, pooled.new_ones(len(pooled), 1)], 1).double()
        ridge = _RIDGE * len(pooled) * torch.eye(with_one.shape[1], dtype=torch.float64, device=pooled.device)
        solution = torch.linalg.solve(with_one.T @ with_one + ridge, with_one.T @ targets.double()).float()
        self.head.weight.copy_(solution[:-1].T)
        self.head.bias.copy_(solution[-1])

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Return the parameters for the optimizer: matrices have weight decay, vectors and embeddings do not."""
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self.named_parameters():
            (matrices if parameter.ndim > 1 and "embeddings" not in name else others).append(parameter)
        return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]

    def save(self, folder: Path, tokenizer: Tokenizer, save_dtype: str) -> None:
        """Write a model of sentence-transformers."""
        with silenced(), folder_permissions(folder), tempfile.TemporaryDirectory() as work:
            from sentence_transformers import SentenceTransformer
            from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
            from transformers import PreTrainedTokenizerFast

            config = self.network.config
            dtype = SAVE_DTYPES[save_dtype]
            self.network.save_pretrained(work)
            fast: Any = PreTrainedTokenizerFast
            fast(
                tokenizer_object=tokenizer,
                model_max_length=config.max_position_embeddings,
                model_input_names=["input_ids", "attention_mask"],
                **special_tokens(tokenizer),
            ).save_pretrained(work)
            dense = Dense(config.hidden_size, self.head.out_features, activation_function=nn.Identity())
            dense.linear.load_state_dict({name: tensor.cpu() for name, tensor in self.head.state_dict().items()})
            transformer = Transformer(work, max_seq_length=config.max_position_embeddings)
            for parameter in transformer.model.pooler.parameters():
                nn.init.zeros_(parameter)  # unused and random, but transformers would report it as missing
            modules: list[nn.Module] = [
                transformer,
                Pooling(config.hidden_size, pooling_mode=self.pooling),
                dense,
                Normalize(),
            ]
            model = SentenceTransformer(modules=modules, device="cpu")
            model.to(dtype).save(str(folder), create_model_card=False)


def special_tokens(tokenizer: Tokenizer) -> dict[str, str]:
    """Return the special tokens of a tokenizer: ``{"pad_token": "[PAD]", ...}``, or ``<pad>``, as XLM-R writes it."""
    return {
        f"{name}_token": token
        for name in ("pad", "unk", "cls", "sep", "mask")
        for token in (f"[{name.upper()}]", f"<{name}>")
        if tokenizer.token_to_id(token) is not None
    }


def bert(*, hidden_size: int, dim: int, pooling: str, **sizes: Any) -> Bert:
    """Return a new BERT with random weights.

    Args:
        dim: D, of the vectors.
        sizes: further arguments of ``bert_config``.
    """
    # No dropout: the teacher's vectors are no small sample that could be learned by heart.
    config = bert_config(hidden_size=hidden_size, pad_id=PAD_ID, type_vocab_size=1, **sizes)
    with silenced():
        from transformers import BertModel

        network = BertModel(config, add_pooling_layer=False)
    blocks: Any = network.encoder.layer
    for layer in blocks:
        for linear in (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value):
            nn.init.normal_(linear.weight, std=hidden_size**-0.5)
        nn.init.normal_(layer.intermediate.dense.weight, std=hidden_size**-0.5)
        for linear in (layer.attention.output.dense, layer.output.dense):  # near the identity
            nn.init.normal_(linear.weight, std=0.01)
    return Bert(network, dim, pooling)


@torch.no_grad()
def init_from_table(student: Bert, rows: Tensor, shares: Tensor) -> None:
    """Initialize the student as the mean of a table's vectors: its token embeddings are the table's rows, and its layers
    are near the identity.

    The first layer norm of BERT gives every embedding the same length, but the length of a row is the weight of its token.
    So one large vector (the token type's) is added to all of them: relative to it, rows keep their proportions.

    Args:
        rows: (V, H).
        shares: (V,), the share of each token in the corpus: frequent tokens decide on the scale.
    """
    embeddings = student.network.embeddings
    scale = ((rows**2).mean(1) * shares).sum().sqrt()
    embeddings.word_embeddings.weight.copy_(rows / scale)
    embeddings.token_type_embeddings.weight.copy_(torch.tensor([1.0, -1.0]).repeat(rows.shape[1])[: rows.shape[1]])
    nn.init.normal_(embeddings.position_embeddings.weight, std=0.02)


def pretrained(folder: Path, *, dim: int, pooling: str, max_length: int) -> Bert:
    """Load the BERT of a folder of transformers, to be trained further.

    Raises:
        ModelError: it cannot be loaded, or is no BERT.
    """
    with silenced():
        from transformers import AutoModel, BertModel

        network, _ = transformers_loading.network(AutoModel, folder)
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
