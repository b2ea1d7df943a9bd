"""Embed lines of text with Spark: spark-submit spark_embed.py TEXTS OUTPUT, or python spark_embed.py TEXTS OUTPUT on one machine.

The workers need nlptool, as the driver does. The model is opened once in each Python process, and stays open.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache

import pandas as pd
from pyspark.sql import SparkSession

from nlptool.specs import EncoderSpec
from nlptool.tasks.open_model import open_model


@cache
def model():
    return open_model(EncoderSpec("static-ja-en", threads=1, deterministic=True, offline=True))


def embed(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for batch in batches:
        vectors = model().encode(list(batch["text"])).vectors  # (N, D) float32
        yield batch.assign(
            embedding=[v if text.strip() else None for text, v in zip(batch["text"], vectors, strict=True)]
        )


if __name__ == "__main__":
    spark = SparkSession.builder.getOrCreate()
    spark.sparkContext.addPyFile(__file__)
    import spark_embed  # as a module it is loaded once in each process, and so is what it caches

    texts = spark.read.text(sys.argv[1], lineSep="\n").withColumnRenamed("value", "text")
    texts.mapInPandas(spark_embed.embed, "text string, embedding array<float>").write.parquet(sys.argv[2])
