"""Commands that are killed at random moments and run again: the output is absent or whole, and in the end as if nothing had been.

    with ground(folder) as place:
        Killing(place, "embed", random.Random(1)).check()

A run is killed a few times, each time gone on with by ``--resume`` where the command has it, and then run to its end. Half of the
moments are counted from the start of the program, the others from when it begins to write.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import treebanks

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PATIENCE = 120  # seconds after which a process hangs

_TIMES = (
    "seconds",
    "README.md",
    "manifest.jsonl",
    "curves.jsonl",
    "pretraining.json",
    "seq2seq.json",
    "lm.json",
    "tagger.json",
    "reader.json",
    "chooser.json",
    "probe.json",
    "autoencoder.json",
    "distil.json",
    "classifier.json",
    "vectors.json",
)


@dataclass(frozen=True)
class Case:
    """A command that writes something.

    Attributes:
        command: its arguments; ``{in}`` is the folder of the inputs.
        out: the file or folder that it writes, in the folder where it runs.
        begun: what is there before, made of the inputs by commands that are not killed.
        resumes: it has --resume.
        saves_at_interrupt: Ctrl-C ends it early with an output of its own.
        is_cache: what it writes grows, and is whole at the end alone.
        environment: of the process.
    """

    command: str
    out: str = "out"
    begun: tuple[str, ...] = ()
    resumes: bool = True
    saves_at_interrupt: bool = False
    is_cache: bool = False
    environment: dict[str, str] = field(default_factory=dict)


_TRAIN = "--threads 1 --device cpu --layers 1 --hidden-size 32 --heads 2 --intermediate-size 32 -o out"
_SOME = "-m static-ja-en {in}/lines.txt"
_TAGGER = "train tagger {in}/tagged.conll --threads 1 --device cpu --batch-size 4 --max-length 16 --freeze 4 --dev 0"
_READER = "train reader {in}/questions.jsonl --threads 1 --device cpu --batch-size 4 --max-length 40 --freeze 4 --dev 0"
_CHOOSER = "train chooser {in}/choices.jsonl --threads 1 --device cpu --batch-size 4 --max-length 16 --freeze 4 --dev 0"

CASES = {
    "tokenize": Case("tokenize {in}/novel.txt -o out"),
    "tokenize -j": Case("tokenize -j 2 -f wakati {in}/novel.txt -o out"),
    "tokenize csv": Case("tokenize -f csv {in}/novel.txt {in}/lines.txt -o out"),
    "shards run": Case(
        "shards run --workers 1 --shard-size 5K {in}/lines.txt --output out -- tokenize",
        resumes=False,
        is_cache=True,
    ),
    "shards run counts": Case(
        "shards run --workers 1 --shard-size 5K {in}/lines.txt --output out -- ngrams -n 1-3",
        resumes=False,
        is_cache=True,
    ),
    "shards merge": Case(
        "shards merge counts -o out",
        begun=("shards run --shard-size 50K {in}/novel.txt --output counts -- collocations --window 4 --min-count 1",),
        resumes=False,
    ),
    "tokenize ruby": Case("tokenize --ruby html {in}/novel.txt -o out"),
    "tokenize conllu": Case("tokenize -f conllu {in}/novel.txt -o out"),
    "tokenize --count": Case(
        "tokenize --count words --by-group file --parts record {in}/novel.txt {in}/lines.txt -o out", resumes=False
    ),
    "ngrams": Case("ngrams -n 1-3 {in}/novel.txt -o out", resumes=False),
    "collocations": Case("collocations --window 3 {in}/novel.txt -o out", resumes=False),
    "collocations --phrases": Case("collocations --phrases {in}/novel.txt -o out", resumes=False),
    "keyness": Case("keyness {in}/lines.txt --against {in}/novel.txt -o out", resumes=False),
    "change": Case("change aozora-100d aozora-100d -k 3000 -f csv -o out", resumes=False),
    "embed": Case("embed {in}/lines.txt -o out"),
    "embed static": Case("embed -m static-ja-en {in}/novel.txt {in}/lines.txt -o out --on-error skip"),
    "embed npy": Case(f"embed -f npy {_SOME} -o out"),
    "embed tokens": Case("embed --tokens --pool-words mean {in}/lines.txt -o out"),
    "embed tokens npz": Case("embed --tokens -f npz {in}/lines.txt -o out", resumes=False),
    "embed parquet": Case(f"embed -f parquet {_SOME} -o out", resumes=False),
    "split": Case("split {in}/novel.txt -o out"),
    "split text": Case("split -f text {in}/novel.txt -o out"),
    "kwic": Case("kwic の --context 20 {in}/novel.txt {in}/lines.txt -o out"),
    "kwic --sort": Case("kwic --query 名詞 --sort right -f csv {in}/novel.txt -o out"),
    "keywords": Case("keywords {in}/novel.txt {in}/lines.txt -o out", resumes=False),
    "keywords --reference": Case("keywords --reference {in}/lines.txt --ngrams 1-3 {in}/novel.txt -o out"),
    "keywords --method embedding": Case("keywords --method embedding -m static-ja-en {in}/lines.txt -o out"),
    "sample": Case("sample -n 50 --by file {in}/novel.txt {in}/lines.txt -o out", resumes=False),
    "cluster": Case(f"cluster -k 5 {_SOME} -o out", resumes=False),
    "cluster --summary": Case(f"cluster -k 5 --summary -f csv {_SOME} -o out", resumes=False),
    "cluster picture": Case(f"cluster -k 3 --plot out.svg {_SOME}", "out.svg", resumes=False),
    "dedup": Case("dedup {in}/novel.txt {in}/lines.txt -o out", resumes=False),
    "dedup --method minhash": Case("dedup --method minhash --keep longest {in}/novel.txt -o out", resumes=False),
    "hash": Case(f"hash {_SOME} -o out"),
    "similarity": Case(f"similarity {_SOME} -o out"),
    "similarity -k": Case(f"similarity -k 5 -f csv {_SOME} -o out"),
    "similarity -t": Case(f"similarity --threshold 0.2 {_SOME} -o out"),
    "search": Case("search -m static-ja-en --corpus {in}/novel.txt -o out < {in}/lines.txt"),
    "neighbors": Case("neighbors -f jsonl -o out < {in}/words.txt"),
    "analogy": Case("analogy -f tsv -o out < {in}/analogies.txt"),
    "odd-one-out": Case("odd-one-out -f jsonl -o out < {in}/analogies.txt"),
    "fill-mask": Case("fill-mask {in}/masks.txt -o out"),
    "nsp": Case("nsp --consecutive {in}/lines.txt -o out"),
    "score": Case("score --no-pieces {in}/short.txt -o out"),
    "mask": Case("mask {in}/lines.txt -o out"),
    "attention": Case("attention {in}/short.txt -o out"),
    "generate": Case("generate -m hyakunin {in}/lines.txt -o out"),
    "generate --stream": Case("generate -m hyakunin --stream {in}/lines.txt -o out"),
    "classify": Case("classify -m static-ja-en --labels 猫,犬 {in}/lines.txt -o out"),
    "tag": Case("tag -m ./tagger {in}/lines.txt -o out", begun=(f"{_TAGGER} --max-steps 1 -o tagger",)),
    "probe": Case("probe {in}/lines.txt -o out"),
    "answer": Case(
        "answer -m ./reader --question 誰 {in}/lines.txt -o out", begun=(f"{_READER} --max-steps 1 -o reader",)
    ),
    "choose": Case("choose -m ./chooser {in}/choices.jsonl -o out", begun=(f"{_CHOOSER} --max-steps 1 -o chooser",)),
    "map": Case(f"map -f tsv {_SOME} -o out"),
    "map picture": Case(f"map --plot out.svg {_SOME}", "out.svg", resumes=False),
    "index build": Case(f"index build {_SOME} -o out"),
    "index build sbert": Case("index build {in}/lines.txt -o out"),
    "index add": Case(
        "index add out {in}/lines.txt", begun=("index build -m static-ja-en {in}/novel.txt -o out",), resumes=False
    ),
    "index remove": Case(
        "index remove out {in}/lines.txt",
        begun=("index build -m static-ja-en {in}/novel.txt {in}/lines.txt -o out",),
        resumes=False,
    ),
    "index update": Case(
        "index update out",
        begun=("index build -m static-ja-en grows -o out", "cp {in}/lines.txt grows/"),
        resumes=False,
    ),
    "vectors convert": Case("vectors convert {in}/v.txt -o out", resumes=False),
    "vectors convert glove": Case("vectors convert {in}/v.txt --to glove -o out", resumes=False),
    "vectors select": Case("vectors select {in}/v.txt --top 2000 -o out", resumes=False),
    "a vector file in the cache": Case(
        "neighbors -m {in}/v.txt w1 -f jsonl",
        "cache/vectors",
        environment={"NLPTOOL_CACHE": "cache"},
        resumes=False,
        is_cache=True,
    ),
    "train word2vec": Case(
        "train word2vec --deterministic --epochs 3 {in}/novel.txt -o out", resumes=False, saves_at_interrupt=True
    ),
    "train counts": Case(
        "train word2vec --method counts {in}/novel.txt -o out", resumes=False, saves_at_interrupt=True
    ),
    "train bert": Case(
        "train bert --max-steps 30 --vocab-size 1500 --max-length 32 --batch-size 8 {in}/novel.txt " + _TRAIN
    ),
    "train classifier": Case(
        "train classifier --method finetune --threads 1 --device cpu --max-steps 12 --batch-size 4 --max-length 16 "
        "--freeze 4 --dev 0 {in}/labelled.tsv -o out"
    ),
    "train tagger": Case(f"{_TAGGER} --max-steps 12 -o out"),
    "train reader": Case(f"{_READER} --max-steps 12 -o out"),
    "train chooser": Case(f"{_CHOOSER} --max-steps 12 -o out"),
    "train probe": Case(
        "train probe --threads 1 --device cpu --epochs 2 --layer 1 --no-baselines --bootstrap 0 --dev 0.3 "
        "{in}/trees.conllu -o out",
        resumes=False,
    ),
    "train autoencoder": Case(
        "train autoencoder --threads 1 --device cpu --vocab-size 200 --layers 32 --code 16 --max-steps 40 --pretraining-epochs 2 "
        "--batch-size 16 --dev 0 {in}/lines.txt -o out"
    ),
    "train linear": Case("train classifier --base static-ja-en --threads 1 {in}/labelled.tsv -o out"),
    "train lm": Case(
        "train lm --threads 1 --device cpu --max-steps 40 --hidden-size 16 --batch-size 4 --context 16 --dev 0 {in}/novel.txt "
        "-o out"
    ),
    "train ngrams": Case("train lm --architecture ngram --order 4 {in}/novel.txt -o out", resumes=False),
    "train seq2seq": Case("train seq2seq --max-steps 40 --max-length 16 --dev 0 {in}/pairs.tsv " + _TRAIN),
    "train distil": Case(
        "train distil --teacher static-ja-en --dimension 16 --vocab-size 3000 --threads 1 --device cpu --layers 1 --heads 2 "
        "--intermediate-size 32 --epochs 1 --table-epochs 1 {in}/lines.txt -o out"
    ),
    "models pull": Case(
        "models pull org/tiny",
        "hub/hub/models--org--tiny/snapshots",
        environment={"HF_HOME": "hub"},
        resumes=False,
        is_cache=True,
    ),
}


class Ground:
    """A folder with the inputs of all cases, and what each command writes when nobody kills it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.inputs = folder / "in"
        self.environment = environment
        self.cache = folder / "cache"
        self._whole: dict[str, tuple[Any, int, float]] = {}
        self.inputs.mkdir(parents=True)
        novel = NOVEL.read_text(encoding="utf-8")
        lines = [line for line in novel.split("\n") if line.strip()]
        self._write("novel.txt", novel * 20 + "\ufffd\n")
        (self.inputs / "novel.txt").open("ab").write(b"\xff is no UTF-8\n" + "猫が鳴く。\n".encode() * 500)
        self._write("lines.txt", "".join(f"{number} {line[:60]}\n" for number, line in enumerate(lines * 3)))
        self._write("short.txt", "".join(f"{number} {line[:12]}\n" for number, line in enumerate(lines * 2)))
        self._write("masks.txt", "no mask\n" + "".join(f"{line[:20]}[MASK]{line[21:30]}\n" for line in lines * 3))
        self._write("words.txt", "king\nqueen\nno-such-word\n猫\n" * 100)
        self._write("analogies.txt", "king man woman\nno such word\n犬 猫 鳥\n" * 60)
        self._write("pairs.tsv", "".join(f"{number:04d}\t{f'{number:04d}'[::-1]}\n" for number in range(900)))
        self._write("labelled.tsv", "".join(f"{line[:20]}\t{'ab'[len(line) % 2]}\n" for line in lines * 3))
        self._write("tagged.conll", "".join(f"{line[:4]}\tB-A\n{line[4:8]}\tO\n\n" for line in lines if line[7:]))
        asked = ({"question": line[0], "context": line, "answers": [line[1:3]]} for line in lines if line[3:])
        self._write("questions.jsonl", "".join(f"{json.dumps(each)}\n" for each in asked))
        chosen = ({"question": line[:4], "choices": [line[4:6], line[6:8]], "label": 1} for line in lines if line[8:])
        self._write("choices.jsonl", "".join(f"{json.dumps(each)}\n" for each in chosen))
        self._write("trees.conllu", "".join(treebanks.sentences()))
        numbers = random.Random(1)
        rows = (" ".join(f"{numbers.gauss(0, 1):.4f}" for _ in range(50)) for _ in range(5000))
        self._write("v.txt", "5000 50\n" + "".join(f"w{number} {row}\n" for number, row in enumerate(rows)))

    def _write(self, name: str, text: str) -> None:
        (self.inputs / name).write_text(text, encoding="utf-8")

    def place(self, case: Case) -> Path:
        """Make the folder of a run, the same for all since some outputs name it, with what is there before."""
        place = self.folder / "run"
        shutil.rmtree(place, ignore_errors=True)
        (place / "grows").mkdir(parents=True)
        (place / "tmp").mkdir()
        shutil.copy2(self.inputs / "short.txt", place / "grows" / "short.txt")
        for command in case.begun:
            if command.startswith("cp "):
                shutil.copy2(command.split()[1].replace("{in}", str(self.inputs)), place / command.split()[2])
            else:
                done = self.start(place, Case(command, environment=case.environment), ())
                assert done.wait(PATIENCE) in (0, 3), (place / "stderr").read_text()
        return place

    def start(self, place: Path, case: Case, more: tuple[str, ...]) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own."""
        command, _, stdin = case.command.replace("{in}", str(self.inputs)).partition(" < ")
        given = {name: value if "://" in value else str(place / value) for name, value in case.environment.items()}
        environment = {"NLPTOOL_CACHE": str(self.cache), "TMPDIR": str(place / "tmp")} | self.environment | given
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(Path(stdin).open()) if stdin else subprocess.DEVNULL
            return subprocess.Popen(
                [sys.executable, "-m", "nlptool", *command.split(), *more],
                cwd=place, stdin=source, stdout=stack.enter_context((place / "stdout").open("wb")),
                stderr=stack.enter_context((place / "stderr").open("wb")), start_new_session=True,
                env=os.environ | environment,
            )  # fmt: skip

    def whole(self, name: str, case: Case) -> tuple[Any, int, float]:
        """Return what a case gives when nobody kills it: the output, the exit code, and the seconds."""
        if name not in self._whole:
            place = self.place(case)
            began = time.monotonic()
            code = self.start(place, case, ()).wait(PATIENCE)
            assert code in (0, 3), (place / "stderr").read_text()
            self._whole[name] = content(place, case), code, time.monotonic() - began
        return self._whole[name]


def content(place: Path, case: Case) -> Any:
    """Return what a run gave, without times; None: nothing."""
    out = place / case.out
    if out.is_dir():
        files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
        return {name: path.read_bytes() for name, path in files.items() if not name.endswith(_TIMES)}
    return out.read_bytes() if out.exists() else None


class Killing:
    """One run of a case that is killed ``most`` times at most."""

    def __init__(self, ground: Ground, name: str, numbers: random.Random, *, most: int = 3) -> None:
        self.name = name
        self.said: list[str] = []  # what was done, for the message of a failure
        self.n_kills = 0
        self._ground = ground
        self._case = CASES[name]
        self._numbers = numbers
        self._most = most

    def check(self) -> None:
        """Kill, go on, and compare.

        Raises:
            AssertionError: something was not as it should be.
        """
        case = self._case
        whole, code, seconds = self._ground.whole(self.name, case)
        place = self._ground.place(case)
        before = content(place, case)
        expected = {path.name for path in place.iterdir()} | {case.out, "stdout", "stderr"}
        expected |= {name.split("/")[0] for name in case.environment.values()}
        for _ in range(self._numbers.randint(1, self._most)):
            done = self._kill(place, seconds, code)
            found = content(place, case)
            saved = case.saves_at_interrupt and self.said[-1].startswith("SIGINT") and found is not None
            assert case.is_cache or saved or found in (None, before, whole), f"half an output after {self.said}"
            assert found is not None or before is None, f"the old output is gone after {self.said}"
            if done or (found == whole != before):
                break
        if case.resumes or content(place, case) != whole:  # else it was killed when all was done
            self._end(place, code, expected)
        found = content(place, case)
        assert found == whole, f"another output after {self.said}: {_difference(found, whole)}"

    def fill(self) -> None:
        """Let no file become larger than a random size, as on a disk that is full; then go on without that limit, and compare.

        Raises:
            AssertionError: something was not as it should be.
        """
        case = self._case
        whole, code, _ = self._ground.whole(self.name, case)
        place = self._ground.place(case)
        before = content(place, case)
        expected = {path.name for path in place.iterdir()} | {case.out, "stdout", "stderr"}
        expected |= {name.split("/")[0] for name in case.environment.values()}
        sizes = [len(each) for each in (whole.values() if isinstance(whole, dict) else [whole])]
        limit = int(self._numbers.uniform(0, max(sizes)))
        self.said.append(f"no file above {limit} bytes")
        process = self._start(place)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        found_code = process.wait(PATIENCE)
        stderr = self._stderr(place)
        assert "Traceback" not in stderr, f"{self.said}: {stderr}"
        assert "internal error" not in stderr, f"{self.said}: {stderr}"
        found = content(place, case)
        if found_code != code:
            assert found_code in ((1, 3, 4) if case.is_cache else (1, 4)), (
                f"exit {found_code} with {self.said}: {stderr}"
            )
            assert case.is_cache or found in (None, before), f"half an output with {self.said}: {stderr}"
            self._end(place, code, expected)
            found = content(place, case)
        assert found == whole, f"another output after {self.said}: {_difference(found, whole)}"

    def _end(self, place: Path, code: int, expected: set[str]) -> None:
        """Run the command to its end, and see what it leaves."""
        found = self._start(place).wait(PATIENCE)
        assert found == code, f"exit {found} and not {code} after {self.said}: {self._stderr(place)}"
        left = {path.name for path in place.iterdir()} - expected
        assert not left, f"{left} is left after {self.said}"

    def _start(self, place: Path) -> subprocess.Popen[bytes]:
        return self._ground.start(place, self._case, ("--resume",) if self._case.resumes else ())

    def _kill(self, place: Path, seconds: float, code: int) -> bool:
        """Start the command and kill it; return whether it was done before."""
        number = self._numbers.choice(SIGNALS)
        process = self._start(place)
        children: list[int] = []
        if self._numbers.random() < 0.5:
            delay = self._numbers.uniform(0, 1.1 * seconds)
        else:
            began = time.monotonic()
            known = {*place.rglob("*")}
            while process.poll() is None and {*place.rglob("*")} <= known:
                time.sleep(0.001)
            delay = self._numbers.uniform(0, max(0.05, seconds - (time.monotonic() - began)))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        self.said.append(f"{number.name} after {delay:.3f} s")
        if process.poll() is None:
            children = _children(process.pid)
            to_group = number == signal.SIGINT and self._numbers.random() < 0.5  # as a terminal does
            (os.killpg if to_group else os.kill)(process.pid, number)
            self.n_kills += 1
        found = process.wait(PATIENCE)
        stderr = self._stderr(place)
        in_python = number == signal.SIGINT and "root(prog_name" not in stderr  # before the program has begun
        assert "Traceback" not in stderr or in_python, f"{self.said}: {stderr}"
        assert "internal error" not in stderr, f"{self.said}: {stderr}"
        assert found in (-number, code), f"exit {found} after {self.said}: {stderr}"
        _wait_until(
            lambda: not any(Path(f"/proc/{child}").exists() for child in children), f"workers after {self.said}"
        )
        return found == code

    @staticmethod
    def _stderr(place: Path) -> str:
        return (place / "stderr").read_text(errors="replace")[-2000:]


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def _difference(found: Any, whole: Any) -> str:
    if not isinstance(found, bytes) or not isinstance(whole, bytes):
        names = sorted({*(found or {})} ^ {*(whole or {})}) if isinstance(whole, dict) else []
        other = [name for name in (whole if isinstance(whole, dict) else {}) if (found or {}).get(name) != whole[name]]
        return f"files {names}, contents {other}"
    first = next((i for i, (a, b) in enumerate(zip(found, whole, strict=False)) if a != b), min(len(found), len(whole)))
    return f"{len(found)} bytes and not {len(whole)}; from byte {first}: {found[first:][:60]!r} {whole[first:][:60]!r}"


@contextlib.contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """Give the inputs of all cases, and a hub that serves a small model slowly."""
    from hub_server import HubServer

    with HubServer() as hub:
        hub.add(
            "org/tiny", {"config.json": b"{}", "model.safetensors": os.urandom(300_000), "tokenizer.json": b"{}" * 9000}
        )
        hub.faults.pause = lambda path: 0.05
        yield Ground(folder, {"HF_ENDPOINT": hub.url, "PYTHONDONTWRITEBYTECODE": "1"})
