"""The sentences on stderr about the entries of records, each with the sum of one field of the entries behind it."""

from __future__ import annotations

_SENTENCES = {
    "cut": "texts that were cut off before their end (--max-new-tokens)",
    "n_chunks": "chunks in which longer texts were taken",
    "n_control": "control characters shown as pictures (␀)",
    "n_gaiji": "characters that Shift JIS lacks and their notes do not name, left as ※",
    "n_line_breaks": "line breaks that were written as blanks",
    "n_pieces": "pieces in which texts of more than 30,000 characters were analysed",
    "n_subwords": "words that the model knows by their subwords alone",
    "n_unknown of a dictionary": "words that the dictionary lacks (their lemma is the word itself, without a reading)",
    "n_unknown of a generator": "characters or words that the model has never seen",
    "n_unknown of a masked model": "pieces that the model's vocabulary lacks ([UNK])",
    "n_unknown of a tokenizer": "pieces that the vocabulary lacks, which are never hidden",
    "n_unknown of word vectors": "words that the model does not know, left out of the mean",
    "rebuilt": "texts that were put together of their pieces, which could not be found in them",
    "truncated": "texts longer than the model takes, of which it read a part",
    "truncated around masks": "texts longer than the model takes, of which it saw windows around the masks",
    "truncated pairs": "pairs that were longer than the model takes, of which it read what is nearest to their border",
    "windowed": "texts longer than the model takes, each piece of which was scored in the window around it",
}
"""Field of an entry, perhaps with a word on what it counts -> what is said of the sum of its values."""


def notes(*names: str) -> dict[str, str]:
    """Return a command's sentences by the fields of its entries, in this order.

    Args:
        names: keys of the table above, each of another field.
    """
    return {name.split()[0]: _SENTENCES[name] for name in names}
