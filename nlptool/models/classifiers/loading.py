"""Find a classifier, check it, convert it once, and open it."""

from __future__ import annotations

from nlptool.models.classifiers import linear_classifier
from nlptool.models.classifiers.classifier import NetworkClassifier
from nlptool.models.classifiers.linear_classifier import LocatedLinearClassifier
from nlptool.models.heads import folder as heads_folder
from nlptool.models.heads import loading as heads_loading
from nlptool.models.heads.folder import CLASSIFIER
from nlptool.models.heads.loading import Located, LocatedHeads
from nlptool.models.heads.tokenizer import TextTokenizer
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.specs import ClassifierSpec

LocatedNetworkClassifier = Located[ClassifierSpec, NetworkClassifier]
LocatedAnyClassifier = LocatedNetworkClassifier | LocatedLinearClassifier


def locate(spec: ClassifierSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedAnyClassifier:
    """Find a classifier, check it, and convert it if that has not been done.

    Args:
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, is no classifier, or cannot be run by the engine.
        RunError: the device is not there.
    """
    found, tasks, device = heads_loading.find(spec, CLASSIFIER, note=note, report=report)
    about = heads_folder.manifest(found.folder, CLASSIFIER) or {}
    if heads_folder.is_linear(about):
        return linear_classifier.locate(found.folder, found.name, about, tasks, spec, note, report)
    return Located(heads_loading.prepared(found, spec, CLASSIFIER, device, note), spec, _opened)


def _opened(found: LocatedHeads, spec: ClassifierSpec) -> NetworkClassifier:
    tokenizer, network = found.open(spec)
    texts = TextTokenizer(tokenizer, found.about, max_length=spec.max_length, chunk=spec.chunk)
    return NetworkClassifier(texts, network, found.about, found.tasks, spec, name=found.name, device=found.device)
