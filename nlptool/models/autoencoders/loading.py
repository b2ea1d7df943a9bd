"""Find an autoencoder, and open it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nlptool.errors import ModelError
from nlptool.models.autoencoders import folder as autoencoder_folder
from nlptool.models.autoencoders.folder import Autoencoder
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.store import locate as store_locate
from nlptool.models.store import model_folder
from nlptool.specs import AutoencoderSpec


@dataclass(frozen=True, slots=True)
class LocatedAutoencoder:
    """An autoencoder that is ready to be opened."""

    name: str
    folder: Path

    def open(self) -> Autoencoder:
        """Read it.

        Raises:
            ModelError: it is damaged.
        """
        return autoencoder_folder.load(self.folder, self.name)


def is_autoencoder(name: str) -> bool:
    """Return whether the name of a model means a folder here that holds an autoencoder."""
    folder = store_locate.existing(name)
    is_path = folder is not None and not store_locate.is_hub_id(name)
    return is_path and folder is not None and (folder / model_folder.AUTOENCODER).is_file()


def locate(spec: AutoencoderSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedAutoencoder:
    """Find an autoencoder.

    Raises:
        ModelError: it is not there.
    """
    folder = store_locate.find(spec.model, plain=True, offline=True, note=note, report=report)
    if not (folder / model_folder.AUTOENCODER).is_file():
        raise ModelError(f"{spec.model} is no autoencoder", hint="nlptool train autoencoder makes one")
    return LocatedAutoencoder(spec.model, folder)
