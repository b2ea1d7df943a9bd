"""``nlptool evaluate``: evaluate models on gold data."""

from __future__ import annotations

import click

from nlptool.cli.groups import LazyGroup

KINDS = {
    "analogies": "Word vectors: accuracy on analogies in the format of questions-words.txt.",
    "answers": "Predicted answers to questions: exact match and F1 of SQuAD 1.1, SQuAD 2.0, JSQuAD.",
    "classification": "Predicted classes, labels or numbers against gold labels: F1, confusion matrix.",
    "generation": "Generated text against references: exact match, BLEU, chrF.",
    "lm": "Language models: perplexity on documents, bits per character.",
    "minimal-pairs": "Language models: how often the good one of two sentences is more probable.",
    "mlm": "Masked language models: accuracy and perplexity on masked words.",
    "nsp": "BERT: accuracy of next-sentence prediction.",
    "similarity": "Word vectors: correlation with human word similarity ratings.",
    "sts": "Sentence encoders: correlation with human similarity ratings (STS).",
    "tagging": "Predicted entities or tags of words against gold ones: precision, recall, F1.",
}


@click.group(cls=LazyGroup, table=KINDS, module="nlptool.commands.evaluate.{}")
def command() -> None:
    """Evaluate models on gold data. Every result says what was left out and which rules were applied.

    \b
    nlptool evaluate analogies questions-words.txt
    nlptool evaluate similarity -m my.vec wordsim353.tsv
    nlptool evaluate sts -m static-ja-en stsb.csv
    nlptool evaluate mlm -m my-bert held_out.txt
    nlptool evaluate lm -m my-lm held_out.txt
    nlptool evaluate minimal-pairs -m my-lm blimp.jsonl
    nlptool evaluate generation -m my-model dev.tsv
    nlptool evaluate classification predictions.jsonl
    nlptool evaluate answers dev-v2.0.json --predicted predictions.json
    nlptool evaluate tagging output.conll
    """
