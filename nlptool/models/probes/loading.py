"""Find a probe and the model that it reads, and open both."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nlptool.models.contextual import loading as contextual_loading
from nlptool.models.contextual.loading import LocatedContextualModel
from nlptool.models.probes import probe as probes
from nlptool.models.probes.probe import Probe, ProbeModel
from nlptool.models.runtime import prepare
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.store import locate as store_locate
from nlptool.specs import ContextualSpec, ProbeSpec, as_kind


@dataclass(frozen=True, slots=True)
class LocatedProbe:
    """A probe that is ready to be opened."""

    name: str
    probe: Probe
    base: LocatedContextualModel

    def open(self) -> ProbeModel:
        """Load the model that the probe reads.

        Raises:
            ModelError: it cannot be loaded, or is another one.
        """
        base = self.base.open()
        probes.check(self.probe, base, self.name)
        return ProbeModel(self.probe, base, self.name)


def locate(spec: ProbeSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedProbe:
    """Find a probe and its model.

    Raises:
        ModelError: one of them is not there, or is damaged.
        RunError: the device is not there.
    """
    prepare.check_task(spec.model, ["probe"], hint="nlptool models list --task probe shows the probes")
    folder = store_locate.find(spec.model, plain=True, offline=spec.offline, note=note, report=report)
    probe = probes.load(folder)
    base = replace(as_kind(spec, ContextualSpec), model=probe.base)
    return LocatedProbe(spec.model, probe, contextual_loading.locate(base, note=note, report=report))
