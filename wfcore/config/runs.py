"""The databases of ``workflow run`` in the data directory: one for each execution, named by its id."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Final

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def database(data_dir: Path, id: str) -> Path:
    """Where the execution is kept."""
    return data_dir / "runs" / f"{id}.sqlite"


def has_run(data_dir: Path, id: str) -> bool:
    """Whether the execution was run here, without a server."""
    return bool(_ID.fullmatch(id)) and database(data_dir, id).is_file()


def forget_old(data_dir: Path, retention: float) -> None:
    """Remove the runs that nothing was written to for ``retention`` seconds."""
    before = time.time() - retention
    for file in (data_dir / "runs").glob("*.sqlite"):
        if _ID.fullmatch(file.stem) and file.stat().st_mtime < before:
            remove(file)


def remove(file: Path) -> None:
    """Remove a run's database and what belongs to it, unless it is in use."""
    if not file.parent.is_dir() or file.with_name(f"{file.name}.lock").exists():
        return
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        file.with_name(name).unlink(missing_ok=True)
    shutil.rmtree(file.with_name(f"{file.stem}.blobs"), ignore_errors=True)
