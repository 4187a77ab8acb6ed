"""The index as files, for any host of static files."""

from __future__ import annotations

import os
from pathlib import Path

from wfcore.packages import index, minisign
from wfregistry.catalogue import Catalogue


def export(catalogue: Catalogue, key: minisign.PublicKey, name: str, target: Path) -> int:
    """Write everything below ``target``, the index last; how many files are new. What is there stays."""
    envelope, _ = catalogue.top()
    top = index.read_top(envelope, [key], name)
    files = {
        index.document_path(one.document): catalogue.document(one.document) for one in top.packages.values()
    }
    files |= {index.archive_path(digest): catalogue.archive(digest) for digest in catalogue.digests()}
    new = [path for path in files if not (target / path).exists()]
    for path in new:
        _put(target / path, files[path])
    _put(target / index.TOP, envelope)
    return len(new)


def _put(file: Path, content: bytes) -> None:
    """Write a file wholly or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.new")
    with beside.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    beside.chmod(0o644)
    beside.replace(file)
