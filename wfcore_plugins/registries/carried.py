"""The one ``.wfp`` that a larger archive carries; the archive itself is never unpacked to disk."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from typing import Final

from wfcore.api import InvalidPackage, Parcel

from .asking import MOST

#: Entries that are looked at, and bytes that an archive may unpack to.
_ENTRIES: Final = 20_000
_UNPACKED: Final = 256 * 1024 * 1024
_SIGNATURE: Final = 8192


def in_zip(content: bytes, where: str) -> Parcel:
    """The package and its signature in a zip archive. Raises InvalidPackage."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [one.filename for one in archive.infolist()]
            name = _only(names, where)
            package = _entry(archive, name, MOST, where)
            signature = (
                _entry(archive, f"{name}.minisig", _SIGNATURE, where) if f"{name}.minisig" in names else b""
            )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _fault(where, f"it is no sound zip archive: {error}") from None
    return Parcel(package, signature.decode("utf-8", "replace"))


def in_tar(content: bytes, where: str) -> Parcel:
    """The same in a tar archive packed by gzip, as npm has them. Raises InvalidPackage."""
    plain = _gunzip(content, where)
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            members = {one.name: one for one in archive if one.isreg()}
            name = _only(list(members), where)
            package = _member(archive, members[name], MOST, where)
            beside = members.get(f"{name}.minisig")
            signature = _member(archive, beside, _SIGNATURE, where) if beside else b""
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise _fault(where, f"it is no sound tar archive: {error}") from None
    return Parcel(package, signature.decode("utf-8", "replace"))


def _only(names: list[str], where: str) -> str:
    if len(names) > _ENTRIES:
        raise _fault(where, f"it has more than {_ENTRIES} files")
    found = [name for name in names if name.endswith(".wfp")]
    if len(found) != 1:
        raise _fault(where, f"it carries {len(found)} .wfp files, not one")
    return found[0]


def _entry(archive: zipfile.ZipFile, name: str, most: int, where: str) -> bytes:
    with archive.open(name) as file:
        return _within(file.read(most + 1), most, where)


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, most: int, where: str) -> bytes:
    file = archive.extractfile(member)
    return _within(file.read(most + 1) if file else b"", most, where)


def _within(content: bytes, most: int, where: str) -> bytes:
    if len(content) > most:
        raise _fault(where, f"what it carries has more than {most} bytes")
    return content


def _gunzip(content: bytes, where: str) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(content, _UNPACKED)
    except zlib.error as error:
        raise _fault(where, f"it is not packed by gzip: {error}") from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise _fault(where, f"it is cut off, or unpacks to more than {_UNPACKED} bytes")
    return plain


def _fault(where: str, what: str) -> InvalidPackage:
    return InvalidPackage(
        f"{where} cannot be accepted: {what}", remedy="ask its publisher; nothing was installed"
    )
