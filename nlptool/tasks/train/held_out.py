"""The part of a training's examples that is held out, to judge by."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Example = TypeVar("Example")

DEV_SEED = 0
"""Of the choice of that part: it is the same one whatever the seed of the training is."""


def divided(
    examples: Sequence[Example],
    share: float,
    *texts_of: Callable[[Example], str],
    stratum_of: Callable[[Example], Hashable] = lambda example: 0,
    what: str,
    note: Callable[[str], None],
) -> tuple[list[Example], list[Example]]:
    """Return the examples to learn from and those that are held out.

    Args:
        share: of the examples that are held out; 0: none.
        texts_of: return what examples must share to stay together; the next one is tried where none can be held out by the one
            before.
        stratum_of: returns the class of an example, of each of which about the share is held out.
        what: the examples, in words.
        note: is told if there are none to hold out.
    """
    if not share or not examples:
        return list(examples), []
    from nlptool.training import splits

    strata = [stratum_of(example) for example in examples]
    for text_of in texts_of:
        texts = [(text_of(example),) for example in examples]
        is_dev = splits.stratified(texts, strata, share, DEV_SEED).tolist()
        if any(is_dev):
            break
    else:
        note(f"no part of the {what} can be held out, nothing is judged: --dev FILE")
    train, dev = (
        [each for each, here in zip(examples, is_dev, strict=True) if here is wanted] for wanted in (False, True)
    )
    return train, dev
