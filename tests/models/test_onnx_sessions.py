"""Sessions of onnxruntime, as all networks open them."""

from __future__ import annotations

import time

import numpy as np

from nlptool import catalog
from nlptool.models.runtime import onnx
from nlptool.models.store.locate import built_in_graph


def test_threads_sleep_when_a_run_is_over() -> None:
    """By default they ask for more work a million times, which takes milliseconds of a processor."""
    folder = built_in_graph(catalog.KNOWN["sbert-mini-ja-en"])
    session = onnx.session(folder, folder, threads=2)
    ids = np.arange(8, 136, dtype=np.int64).reshape(4, 32)

    def seconds_behind_a_run() -> float:
        """Processor time of all threads of this process."""
        session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        ended = time.process_time()
        time.sleep(0.1)
        return time.process_time() - ended

    assert min(seconds_behind_a_run() for _ in range(5)) < 0.001
