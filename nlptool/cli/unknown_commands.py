"""What people type that is no command of nlptool, and what to type instead."""

from __future__ import annotations

_COMMAND_LINES = {
    "nlptool models list": ("list", "ls", "dictionaries"),
    "nlptool models pull MODEL": ("download", "fetch", "install", "get", "pull"),
    "nlptool models rm MODEL": ("remove", "rm", "delete", "uninstall"),
    "nlptool models show MODEL": ("info", "show"),
    "nlptool tokenize": (
        "pos", "postag", "pos-tag", "segment", "segmentation", "mecab", "morph", "morphology", "analyze",
        "analyse", "lemma", "lemmas", "lemmatize", "lemmatise", "reading", "yomi", "normalize", "tokens",
        "tokenizer", "janome", "sudachi", "juman", "kuromoji", "unidic", "words", "cut",
    ),
    "nlptool tokenize -f wakati": ("wakati", "wakachi", "split-words", "wakatigaki", "wakachigaki"),
    "nlptool tokenize -f conllu": ("conllu", "conll"),
    "nlptool tokenize --count words": ("count", "wc", "frequency", "frequencies", "freq", "word-count", "histogram"),
    "nlptool tokenize --count words --zipf FILE": ("zipf", "zipfs-law", "rank-frequency"),
    "nlptool tokenize --count words --parts file": ("dispersion", "gries"),
    "nlptool tokenize --count words --plot FILE": ("wordcloud", "word-cloud"),
    "nlptool ngrams": ("ngram", "n-gram", "n-grams", "bigram", "bigrams", "trigram", "trigrams"),
    "nlptool collocations": ("collocation", "collocates", "collocate", "cooccurrence", "cooccurrences", "co-occurrence"),
    "nlptool collocations --phrases": ("phrases", "phrase", "word2phrase"),
    "nlptool change A.vec B.vec": ("semantic-change", "shift", "drift", "diachronic", "procrustes", "align"),
    "nlptool tokenize --ruby html": ("ruby", "furigana"),
    "nlptool tokenize --fields romaji_hepburn": ("romaji", "romanize", "romanise", "kana"),
    "nlptool keyness TARGET --against REFERENCE": ("key-words", "keyword-analysis", "distinctive"),
    "nlptool keywords": ("keyword", "keybert", "tf-idf", "tfidf", "keyphrases", "keyphrase", "terms", "yake", "rake"),
    "nlptool serve --http 127.0.0.1:8000": ("server", "api", "http", "listen", "openai", "rest", "webserver"),
    "nlptool shards run INPUT --output DIR -- COMMAND": ("shard", "batch", "parallel", "map-reduce", "ray", "spark"),
    "nlptool warm on": ("daemon", "preload", "keep-warm", "warmup", "warm-up", "background"),
    "nlptool embed": (
        "encode", "vectorize", "vectorise", "sbert", "sentence-transformers", "sentence-transformer", "embeddings",
        "embedding", "encoder", "features", "e5", "vector", "transform",
    ),
    "nlptool cluster": ("clusters", "clustering", "kmeans", "k-means", "hdbscan", "communities", "group"),
    "nlptool dedup": ("deduplicate", "deduplication", "duplicates", "uniq", "unique"),
    "nlptool hash": ("simhash", "lsh", "hashing", "semantic-hashing", "binary", "fingerprint", "fingerprints", "hamming"),
    "nlptool similarity": ("cosine", "similar", "sim", "pairwise", "distance"),
    "nlptool similarity --pairs": ("sts", "paraphrase"),
    "nlptool similarity -k 5": ("knn", "k-nn"),
    "nlptool search QUERY --corpus FILE": ("find", "query", "retrieve", "retrieval", "semantic-search", "grep", "faiss", "ann"),
    "nlptool neighbors WORD": ("neighbours", "nearest", "most-similar", "synonyms", "synonym", "nn"),
    "nlptool analogy A B C": ("analogies",),
    "nlptool odd-one-out WORD WORD WORD": ("doesnt-match", "outlier", "odd"),
    "nlptool fill-mask": ("fill", "predict", "guess", "cloze", "mlm", "unmask", "bert", "masked-lm"),
    "nlptool split": (
        "sentences", "sentence", "sentence-split", "split-sentences", "ssplit", "paragraphs", "punkt", "bunkai", "aozora",
    ),
    "nlptool kwic WORD FILE": ("concordance", "concordancer", "concord", "keyword-in-context", "context", "cql", "cqp"),
    "nlptool nsp": ("next-sentence", "next"),
    "nlptool score": ("perplexity", "ppl", "likelihood", "pll", "log-likelihood", "acceptability", "surprisal"),
    "nlptool evaluate minimal-pairs": ("blimp", "jblimp"),
    "nlptool generate": (
        "gpt", "gpt2", "t5", "complete", "completion-model", "decode", "infer", "write", "text-generation", "text2text", "poem",
    ),
    "nlptool generate -m mini-en-ja": ("translate", "translation", "mt", "en-ja"),
    "nlptool generate -m mini-ja-en": ("ja-en",),
    "nlptool train word2vec": ("word2vec", "w2v", "glove", "skipgram", "cbow", "gensim"),
    "nlptool train word2vec --subwords 3-6": ("fasttext",),
    "nlptool train word2vec --method svd": ("lsa", "lsi", "svd", "ppmi", "pmi"),
    "nlptool train bert": ("pretrain", "pre-train", "pretraining"),
    "nlptool train seq2seq": ("seq2seq", "transformer", "lstm"),
    "nlptool train distil": ("distil", "distill", "distillation"),
    "nlptool evaluate": ("eval", "test", "benchmark", "metrics"),
    "nlptool evaluate generation": ("bleu", "chrf", "sacrebleu"),
    "nlptool vectors convert FILE -o FOLDER": ("convert", "export", "import"),
    "nlptool map --plot FILE": ("plot", "visualize", "visualise", "pca", "tsne", "t-sne", "umap", "scatter", "draw", "project"),
    "nlptool attention --plot FILE": ("attend", "bertviz", "heatmap"),
    "nlptool compare A B": ("rsa", "cka", "diff"),
    "nlptool sample -n N FILE": ("shuf", "shuffle", "draw", "subsample", "sampling", "reservoir", "random"),
    "nlptool sample": ("samples", "data", "dataset", "datasets", "corpus", "corpora", "hyakunin", "demo", "example", "examples"),
    "nlptool classify": ("classifier", "classification", "sentiment", "label", "emotion", "zero-shot"),
    "nlptool train classifier": ("finetune", "fine-tune", "finetuning", "fine-tuning", "glue"),
    "nlptool tag -m MODEL": ("ner", "entities", "entity", "named-entities", "tagger", "token-classification"),
    "nlptool answer -m MODEL": ("qa", "question-answering", "ask", "reader", "squad"),
    "nlptool choose -m MODEL": ("multiple-choice", "choice", "swag"),
    "nlptool completion SHELL": ("completions", "complete-shell", "autocomplete"),
    "nlptool --help": ("man", "manual", "usage", "commands"),
    "nlptool --version": ("about",),
}  # fmt: skip
"""The command line that does it -> what people call it."""

_NOT_DONE = {
    "nlptool does not detect languages.": ("language", "langdetect", "detect"),
    "nlptool does not parse sentences; `nlptool tokenize -f conllu` gives words and parts of speech without heads.": (
        "parse", "parser", "dependency", "dependencies", "depparse", "syntax", "cabocha", "ginza", "spacy", "chunk",
    ),
    "nlptool has no model for this task of its own; `nlptool generate -m MODEL` runs a text-to-text model of the hub.": (
        "summarize", "summarise", "summary", "summarization", "chat", "paraphrases", "correct", "simplify", "llm",
    ),
    "nlptool has no windows and no pages; `nlptool serve --http 127.0.0.1:8000` answers programs over HTTP.": (
        "ui", "gui", "web",
    ),
    "nlptool does not train tokenizers alone; `nlptool train bert` and `nlptool train seq2seq` learn their own.": (
        "sentencepiece", "bpe", "wordpiece", "train-tokenizer", "unigram",
    ),
    "nlptool has no topic models in which a text has several topics; `nlptool cluster` gives each text one, with its words.": (
        "topics", "topic", "lda", "topic-model", "bertopic",
    ),
    "nlptool does not read speech or images.": ("transcribe", "speech", "asr", "whisper", "tts", "ocr", "image"),
    "nlptool is installed and upgraded with pip; it has no settings file: options come from the command line and from "
    "NLPTOOL_<COMMAND>_<OPTION>.": ("config", "configure", "init", "setup", "upgrade", "update", "self-update", "login"),
}  # fmt: skip
"""What nlptool does not do -> what people call it."""

ANSWERS = {
    word: f"This does it: {line}" if line in _COMMAND_LINES else line
    for table in (_COMMAND_LINES, _NOT_DONE)
    for line, words in table.items()
    for word in words
}
"""What people type -> the sentence that answers it."""
