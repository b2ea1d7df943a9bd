"""The kinds of cases: which commands read which files."""

from __future__ import annotations

import codecs
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from fuzzing import Case
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from strategies import any_bytes, arrays, damaged, damaged_folder, jsonl, plain, records, tables, texts

from nlptool import catalog
from nlptool.cli.main import root
from nlptool.models.store import locate
from nlptool.storage import safetensors

MAPPING: dict[str, str] = {
    "tokenize": "tokenize",
    "embed": "embed -m {folder}/static",
    "mask": "mask --seed 1",
    "fill-mask": "fill-mask -k 2 -f jsonl",
    "score": "score -f jsonl",
    "nsp": "nsp -f jsonl",
    "generate": "generate -m hyakunin --max-new-tokens 2 -f jsonl",
    "neighbors": "neighbors -f jsonl -m {folder}/words.txt -k 2",
    "analogy": "analogy -f jsonl -m {folder}/words.txt -k 2",
}
"""Commands that give a record for each record."""

OTHERS: dict[str, str] = {
    "similarity": "similarity -m {folder}/static",
    "similarity -k": "similarity -m {folder}/static -k 2",
    "similarity --threshold": "similarity -m {folder}/static --threshold 0.5",
    "similarity --pairs": "similarity -m {folder}/static --pairs",
    "search": "search -m {folder}/static --corpus {folder}/corpus.txt -f jsonl",
    "split": "split",
    "split --aozora": "split --aozora",
    "tokenize --count": "tokenize --count words",
    "index": "index build -m {folder}/static -o {folder}/index --progress never",
    "map": "map -m {folder}/static -f jsonl",
    "nsp --consecutive": "nsp --consecutive -f jsonl",
}

SLOW = {"fill-mask", "score", "nsp", "nsp --consecutive", "map"}

READING = [
    "",
    "",
    "",
    "-I text",
    "-I jsonl",
    "-I csv",
    "-I tsv",
    "-I tsv --header",
    "-I json",
    "-I parquet",
    "-0",
    "--encoding auto",
    "--encoding cp932",
    "--encoding utf-16",
    "--field query",
    "--field /a/0",
    "--field 2 -I csv",
    "--id-field id",
    "--drop-input",
    "--on-error skip",
    "--on-error fail",
    "--unit paragraph",
    "--unit sentence",
    "--unit document",
    "--max-line 20",
    "--source",
]

FORMATS = ["", "", "-f jsonl", "-f csv", "-f tsv", "-f table"]

WORDS_TXT = b"4 3\nking 0.9 0.1 0.2\nman 0.7 0.1 0.6\nqueen 0.2 0.9 0.1\n\xe7\x8c\xab 0.1 0.2 0.9\n"

GOLD: dict[str, tuple[str, bytes]] = {
    "analogies": (
        "evaluate analogies -m {folder}/words.txt",
        b": family\nking man queen \xe7\x8c\xab\nman king queen king\n",
    ),
    "similarity": (
        "evaluate similarity -m {folder}/words.txt",
        b"king\tqueen\t8.5\nman\tking\t7\nqueen\tman\t1\n",
    ),
    "sts": (
        "evaluate sts -m {folder}/static",
        b"first\tsecond\tscore\n\xe7\x8c\xab\t\xe7\x8a\xac\t3.5\na\tb\t1\nc\td\t0\n",
    ),
    "tagging": (
        "evaluate tagging --bootstrap 2",
        b"-DOCSTART- O O\n\n\xe7\x8c\xab\tB-X\tI-X\na\tI-X\tO\n\nb\tO\tB-Y\n",
    ),
    "tagged objects": (
        "evaluate tagging --bootstrap 2",
        b'{"text":"\xe7\x8c\xab a","gold":[[0,1,"X"]],"entities":[{"start":0,"end":3,"label":"Y"}]}\n'
        b'{"tokens":["a","b"],"gold":["O","B-X"],"entities":[]}\n',
    ),
    "generation": ("evaluate generation", b"the cat\tthe cat\n\xe7\x8c\xab\t\xe7\x8a\xac\tx\n"),
}


QUERY = b'{"text":"x","embedding":[1,2,3,4,5,6,7,8]}\n'


def make_templates(base: Path) -> Path:
    """Write the folder that cases start from: small models, and a corpus."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    home = base / "home"
    static = home / "static"
    static.mkdir(parents=True)
    letters = ["[UNK]", *"猫が鳴く犬はをThe catsonm。、.123"]
    tokenizer = Tokenizer(
        models.WordLevel({piece: number for number, piece in enumerate(dict.fromkeys(letters))}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(static / "tokenizer.json"))
    table = np.random.default_rng(1).normal(size=(tokenizer.get_vocab_size(), 8)).astype(np.float32)
    safetensors.write(static / "model.safetensors", [("embedding.weight", table.shape, lambda: table)])
    kind = "sentence_transformers.models.StaticEmbedding.StaticEmbedding"
    modules = [{"idx": 0, "name": "0", "path": "", "type": kind}]
    (static / "modules.json").write_text(json.dumps(modules))
    (static / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {}, "similarity_fn_name": "cosine"})
    )
    (home / "words.txt").write_bytes(WORDS_TXT)
    (home / "corpus.txt").write_text("猫が鳴く。\n犬は鳴く\n\nThe cat\n", encoding="utf-8")
    shutil.copytree(locate.packaged(catalog.KNOWN["hyakunin"]), home / "seq2seq")
    for arguments in (
        ("index", "build", "-m", str(static), str(home / "corpus.txt"), "-o", str(home / "made")),
        ("vectors", "convert", str(home / "words.txt"), "-o", str(home / "words.vec")),
    ):
        result = CliRunner().invoke(root, arguments)
        if result.exit_code:
            raise RuntimeError(result.stderr)
    return home


def _n_records(content: bytes, reading: str) -> int | None:
    """Return how many records an input has, None where that takes more than a look."""
    if (
        any(option in reading for option in ("-0", "--encoding", "--unit", "skip", "fail", "--max-line"))
        or b"\0" in content
    ):
        return None
    if content[:2] in (b"\x1f\x8b", b"BZ", b"\xfd7", b"\x28\xb5", b"\xff\xfe", b"\xfe\xff") or content[:4] == b"PAR1":
        return None
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if "text" in reading:
        return len(lines)
    if "jsonl" in reading:
        lines[:1] = [lines[0].removeprefix(codecs.BOM_UTF8)] if lines else []
        return sum(bool(line.strip(b" \t\r")) for line in lines)
    return None


def inputs(home: Path, commands: dict[str, str], *, mapping: bool) -> SearchStrategy[Case]:
    """Records of all kinds, as stdin or a file, in all input formats."""

    @st.composite
    def case(draw: st.DrawFn) -> Case:
        command = commands[draw(st.sampled_from(sorted(commands)))]
        reading = draw(st.sampled_from(READING))
        content = draw(any_bytes())
        takes_format = not mapping and not any(option in command for option in ("-f", "-o", "--count"))
        typed = f"{command} {reading} {draw(st.sampled_from(FORMATS)) if takes_format else ''}"
        n_records = _n_records(content, reading) if mapping else None
        takes_files = not command.startswith(("neighbors", "analogy"))  # whose arguments are words
        if not takes_files or draw(st.booleans()):
            return Case(typed, content, home, n_records=n_records)
        name = draw(st.sampled_from(["in.txt", "in.jsonl", "in.csv", "in.json", "in.gz"]))
        return Case(f"{typed} {{folder}}/{name}", b"", home, {name: content}, n_records=n_records)

    return case()


def pairs_and_vectors(home: Path) -> SearchStrategy[Case]:
    """JSONL with embeddings, tokens and entries of earlier commands, which are used instead of the text."""
    commands = [
        "similarity -k 2",
        "similarity --threshold 0.1",
        "similarity",
        "map -f jsonl",
        "search 猫 -m {folder}/static --corpus {folder}/in.jsonl -f jsonl",
        "embed -m {folder}/static",
        "similarity -m {folder}/static --pairs",
        "compare {folder}/in.jsonl {folder}/in.jsonl",
        "tokenize --count words",
    ]
    return st.builds(
        lambda command, content: Case(
            command if "{folder}/in.jsonl" in command else f"{command} {{folder}}/in.jsonl",
            b"",
            home,
            {"in.jsonl": content},
        ),
        st.sampled_from(commands),
        jsonl(records),
    )


def npy(home: Path) -> SearchStrategy[Case]:
    """Arrays in .npy files."""
    commands = [
        "compare {folder}/a.npy {folder}/b.npy",
        "search --corpus {folder}/a.npy -f jsonl",
        "similarity {folder}/a.npy",
        "similarity -k 1 {folder}/a.npy",
        "map {folder}/a.npy -f jsonl",
        "similarity --threshold 0.5 {folder}/a.npy",
        "map --method tsne {folder}/a.npy -f jsonl",
    ]
    return st.builds(
        lambda command, first, second: Case(command, QUERY, home, {"a.npy": first, "b.npy": second}),
        st.sampled_from(commands), arrays(), arrays(),
    )  # fmt: skip


def word_vectors(home: Path) -> SearchStrategy[Case]:
    """Files of word vectors: text, binary, arrays."""
    binary = b"3 2\n" + b"".join(
        word + b" " + np.array(row, "<f4").tobytes() + b"\n"
        for word, row in zip([b"a", b"b", "猫".encode()], [(1, 2), (3, 4), (5, 6)], strict=True)
    )
    files = [WORDS_TXT, WORDS_TXT.split(b"\n", 1)[1], binary, binary.replace(b"\n", b"", 1), b"a 1 2\r\nb 3 4\r\n"]
    commands = [
        "vectors info {folder}/v",
        "vectors select {folder}/v a king",
        "neighbors -m {folder}/v king -f jsonl",
        "vectors convert {folder}/v --to word2vec-text -o {folder}/out.txt",
        "vectors convert {folder}/v -o {folder}/out.vec",
        "analogy -m {folder}/v king man queen -f jsonl",
        "odd-one-out -m {folder}/v king man a -f jsonl",
    ]
    good, others = st.sampled_from(files), st.binary(max_size=60) | tables | arrays()
    kinds = [good] * 3 + [good.flatmap(damaged)] * 3 + [others]
    contents = st.integers(0, len(kinds) - 1).flatmap(kinds.__getitem__)  # one_of takes each kind once
    return st.builds(
        lambda command, content: Case(command, b"", home, {"v": content}), st.sampled_from(commands), contents
    )


def gold(home: Path) -> SearchStrategy[Case]:
    """Gold data."""

    @st.composite
    def case(draw: st.DrawFn) -> Case:
        command, content = GOLD[draw(st.sampled_from(sorted(GOLD)))]
        content = draw(st.one_of(damaged(content), st.just(content), tables, jsonl(), plain))
        return Case(f"{command} {{folder}}/gold", b"", home, {"gold": content})

    return case()


def options(home: Path) -> SearchStrategy[Case]:
    """Numbers and names that nobody would give."""
    odd = st.sampled_from(
        [
            "0",
            "-1",
            "1",
            "1e300",
            "nan",
            "inf",
            "-inf",
            "1e-320",
            "99999999999999999999",
            "0.5",
            "猫",
            "auto",
            "1,2",
            "0x10",
            "１",
        ]
    ) | st.just("")
    flags = [
        "similarity -m {folder}/static --threshold",
        "similarity -m {folder}/static -k",
        "embed -m {folder}/static --dim",
        "embed -m {folder}/static --batch-tokens",
        "embed -m {folder}/static --max-length",
        "tokenize --n-best",
        "tokenize -j",
        "tokenize --fields",
        "tokenize --pos",
        "tokenize --max-line",
        "embed -m {folder}/static --max-latency",
        "search 猫 -m {folder}/static --corpus {folder}/corpus.txt -k",
        "map -m {folder}/static -f jsonl --perplexity",
        "neighbors -m {folder}/words.txt king -k",
        "generate -m hyakunin --temperature",
        "generate -m hyakunin --top-p",
        "generate -m hyakunin --num-beams",
        "generate -m hyakunin --max-new-tokens",
        "embed -m",
        "tokenize --dictionary",
        "mask --mlm-probability",
        "mask --seed",
        "sample -n",
        "split --unit",
        "embed -m {folder}/static -o",
        "embed -m {folder}/static --prompt-name",
        "embed -m {folder}/static --field",
        "embed -m {folder}/static --id-field",
        "vectors select {folder}/words.txt --top",
    ]
    return st.builds(
        lambda flag, value: Case(flag, "猫が鳴く\n犬\n".encode(), home, last=value),
        st.sampled_from(flags),
        odd | texts.filter(lambda text: "\0" not in text and not text.isascii()),
    )


def user_dictionaries(home: Path) -> SearchStrategy[Case]:
    """User dictionaries as CSV."""
    good = "河童鍋,5142,5142,-5000,名詞,普通名詞,一般,*,*,*,カッパナベ,河童鍋\n".encode()
    content = damaged(good) | damaged(good + good) | tables
    return content.map(
        lambda content: Case(
            "tokenize --user-dictionary {folder}/u.csv", "河童鍋を食う\n".encode(), home, {"u.csv": content}
        )
    )


def index_folders(home: Path) -> SearchStrategy[Case]:
    """Indexes whose files are damaged."""
    commands = [
        "search 猫が鳴く --corpus {folder}/made -f jsonl",
        "index info {folder}/made --files",
        "index update {folder}/made",
    ]
    return st.one_of([damaged_folder(home, command, stdin=b"", only="made/") for command in commands])


def model_folders(home: Path) -> SearchStrategy[Case]:
    """Models whose files are damaged."""
    return st.one_of(
        damaged_folder(home, "embed -m {folder}/static", stdin="猫が鳴く\n".encode(), only="static/"),
        damaged_folder(
            home,
            "generate -m {folder}/seq2seq --max-new-tokens 2",
            stdin="秋の\n".encode(),
            only="seq2seq/",
        ),
        damaged_folder(home, "neighbors -m {folder}/words.vec king -f jsonl", stdin=b"", only="words.vec/"),
    )


TARGETS: dict[str, tuple[Callable[[Path], SearchStrategy[Case]], float]] = {
    "mapping": (
        lambda home: inputs(home, {name: MAPPING[name] for name in MAPPING if name not in SLOW}, mapping=True),
        0.36,
    ),
    "mapping with a BERT": (
        lambda home: inputs(home, {name: MAPPING[name] for name in MAPPING if name in SLOW}, mapping=True),
        0.04,
    ),
    "others": (
        lambda home: inputs(home, {name: OTHERS[name] for name in OTHERS if name not in SLOW}, mapping=False),
        0.2,
    ),
    "others, slow": (
        lambda home: inputs(home, {name: OTHERS[name] for name in OTHERS if name in SLOW}, mapping=False),
        0.02,
    ),
    "pairs and vectors": (pairs_and_vectors, 0.1),
    "npy": (npy, 0.06),
    "word vectors": (word_vectors, 0.1),
    "gold": (gold, 0.04),
    "options": (options, 0.02),
    "user dictionaries": (user_dictionaries, 0.002),
    "index folders": (index_folders, 0.03),
    "model folders": (model_folders, 0.03),
}
"""Name -> its cases, and its share of a long run."""
