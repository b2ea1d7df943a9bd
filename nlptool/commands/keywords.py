"""``nlptool keywords``: the words that say most about each text."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command, shared_option
from nlptool.cli.options import corpus
from nlptool.records.pipe import Pipe
from nlptool.records.writing import write_records
from nlptool.specs import EncoderSpec

_OF_ENCODERS = ("model", "prompt", "prompt_name", "dim")
_LENGTHS = {"tf-idf": "1", "embedding": "1-3"}


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())


@click.command(cls=Command)
@options.records("keywords", instead=("tokens",))
@click.option("--method", type=click.Choice(["tf-idf", "embedding"]), default="tf-idf", show_default=True,
              help="How words are scored: by how frequent they are here and how rare elsewhere; or by how near they are to the "
              "text as vectors.")  # fmt: skip
@options.top_k(10, help="Number of keywords of a text.")
@click.option("--ngrams", metavar="N[-M]", show_default="1 for tf-idf, 1-3 for embedding",
              help="Words of a keyword: 1-3 finds compounds of up to three words too.")  # fmt: skip
@click.option("--by", type=click.Choice(["lemma", "surface"]), default="lemma", show_default=True,
              help="Which words are the same: those of one dictionary form, or those that are spelled alike.")  # fmt: skip
@click.option("--pos", metavar="NAMES", callback=_names, show_default="nouns, verbs, adjectives",
              help="Parts of speech of the words: 名詞,動詞-一般.")  # fmt: skip
@click.option("--stop-words", metavar="FILE", type=click.Path(), help="Words that are no keywords, a word a line.")
@click.option("--reference", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Corpus of the document frequencies of tf-idf, in place of the input; repeatable.")  # fmt: skip
@click.option("--diversity", metavar="X", type=options.FloatRange(0, 1), default=0.3, show_default=True,
              help="How much keywords of --method embedding are to differ from one another.")  # fmt: skip
@options.record_format(rows="a keyword a row")
@options.encoder()
@shared_option("Input", "--tokenizer", type=click.Choice(["auto", "unidic", "words", "whitespace"]), default="auto",
               show_default=True,
               help="What splits a text into words; auto: unidic (MeCab) if it has kana or kanji, else words.")  # fmt: skip
@shared_option("Input", "--dictionary", metavar="NAME|FOLDER", show_default="unidic-lite",
               help="MeCab dictionary: unidic-lite, unidic, ipadic, or a folder.")  # fmt: skip
@options.workers_auto
def command(  # noqa: PLR0917
    pipe: Pipe,
    method: str,
    top_k: int,
    ngrams: str | None,
    by: str,
    pos: tuple[str, ...],
    stop_words: str | None,
    reference: tuple[str, ...],
    diversity: float,
    format: str,
    tokenizer: str,
    dictionary: str | None,
    workers: int | None,
    spec: EncoderSpec,
) -> None:
    """Find the keywords of each text.

    Each record gets `keywords`: a list of {word, score, count}, the highest score first; count is how often the word is in
    the text. Words are nouns, verbs and adjectives, never words of grammar: MeCab says what they are, or the `tokens` of a
    record, as `nlptool tokenize` writes them. Forms of a word are counted together and shown in the most frequent spelling, a
    verb in its dictionary form. In other languages all words but the English words of grammar and --stop-words count.

    \b
    nlptool keywords articles.jsonl --field body -k 5
    nlptool keywords --ngrams 1-3 --unit document novels/ -f table
    nlptool keywords --reference corpus.jsonl tickets.jsonl
    nlptool keywords --method embedding --diversity 0.5 abstracts.txt
    nlptool tokenize texts.txt | nlptool keywords --pos 名詞-固有名詞

    \b
    tf-idf     count x (ln((1 + n) / (1 + df)) + 1): df of n texts have the word (Spärck Jones 1972; smoothed as by
               scikit-learn). The scores of all words of a text, which are its vector, are divided by its length: 0 to 1
    embedding  cosine of the vectors of the word and of the text, -1 to 1, as KeyBERT (Grootendorst 2020). The words are
               chosen one by one: the highest (1 - diversity) x cosine - diversity x highest cosine with one that was chosen
               (maximal marginal relevance, Carbonell & Goldstein 1998)

    For tf-idf all records are read first, into a temporary file, unless --reference says how rare words are. --ngrams finds
    compounds: nouns and affixes that stand together (自然言語処理), or in other languages words with no word of grammar between.
    With tf-idf a word or a compound that stands nowhere but in a longer one is left out.
    """
    lengths = corpus.parse_lengths(click.get_current_context(), _NGRAMS, ngrams or _LENGTHS[method])
    if method == "embedding":
        options.refuse(("reference",), "--method embedding")
    else:
        options.refuse((*_OF_ENCODERS, "diversity"), "--method tf-idf")
    if tokenizer in ("words", "whitespace"):
        options.refuse(("dictionary",), f"--tokenizer {tokenizer}")
    if pipe.resume and method == "tf-idf" and not reference:
        raise click.UsageError(
            "--resume is for what answers each record for itself: --reference, or --method embedding"
        )
    if "-" in reference and ("-" in pipe.files or not pipe.files):
        raise click.UsageError("stdin cannot be the input and the reference: name a file")
    from nlptool.storage.text_files import read_lines
    from nlptool.tasks.keyword_candidates import CandidateSettings
    from nlptool.tasks.keywords import LAYOUT, NOTES, TABLE, Candidates, Keywords

    settings = CandidateSettings(
        lengths, by, pos, frozenset(line.strip().lower() for _, line in read_lines(stop_words)) if stop_words else frozenset(),
        maximal=method == "tf-idf", tokenizer=tokenizer, dictionary=dictionary,
    )  # fmt: skip
    keywords = Keywords(Candidates(settings, workers), top_k, {"method": method})
    embedder = None
    if method == "embedding":
        from nlptool.geometry import similarity as similarities
        from nlptool.records.windows import windows
        from nlptool.tasks.embedder import Embedder
        from nlptool.tasks.keyword_vectors import KeywordVectors

        click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
        embedder = Embedder(pipe, spec)
        found = keywords.by_vectors(windows(pipe.read()), KeywordVectors(embedder, diversity=diversity))
    else:
        found = keywords.by_reference(pipe, reference) if reference else keywords.by_input(pipe)
    write_records(pipe, found, format, LAYOUT, table=TABLE, notes=NOTES)
    if embedder is not None:
        embedder.say()


_NGRAMS = click.Option(["--ngrams"])
