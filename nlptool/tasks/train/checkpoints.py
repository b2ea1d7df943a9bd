"""What a training leaves in its checkpoint folder, for a later one to go on from."""

from __future__ import annotations

from pathlib import Path

_RESUMABLE = ("*.safetensors", "teacher-*.f16")


def can_resume(work: Path) -> bool:
    """Return whether a checkpoint folder holds something that a later training goes on from."""
    return any(path for pattern in _RESUMABLE for path in work.glob(pattern))
