"""The one ``.wfp`` that a larger archive carries; the archive itself is never unpacked to disk."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from wfcore.api import InvalidPackage, Parcel

from .asking import MOST

#: Entries that are looked at, and bytes that an archive may unpack to.
_ENTRIES: Final = 20_000
_UNPACKED: Final = 256 * 1024 * 1024
_SIGNATURE: Final = 8192
#: How each entry begins in a zip archive's list of files.
_LISTED: Final = b"PK\x01\x02"
#: What has no content in a tar archive, whatever its header says of a size.
_EMPTY: Final = (
    tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE,
)  # fmt: skip


def in_zip(content: bytes, where: str) -> Parcel:
    """The package and its signature in a zip archive. Raises InvalidPackage."""
    _expect_few(content.count(_LISTED), where)  # before a list is made of them
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
    plain = memoryview(_gunzip(content, where))
    try:
        files = {name: plain[start:end] for name, start, end in _files(plain, where)}
    except tarfile.TarError as error:
        raise _fault(where, f"it is no sound tar archive: {error}") from None
    name = _only(list(files), where)
    package = _within(bytes(files[name][: MOST + 1]), MOST, where)
    beside = files.get(f"{name}.minisig", memoryview(b""))
    signature = _within(bytes(beside[: _SIGNATURE + 1]), _SIGNATURE, where)
    return Parcel(package, signature.decode("utf-8", "replace"))


def _files(plain: memoryview, where: str) -> Iterator[tuple[str, int, int]]:
    """The name of each plain file, and where its content begins and ends (POSIX.1, ustar).

    Of the library only the reading of one header is used: its extended headers can take it hours, or for
    ever. Here they are passed over, so a file whose name is too long for a header has another one.
    """
    at = count = 0
    while len(block := bytes(plain[at : at + tarfile.BLOCKSIZE])) == tarfile.BLOCKSIZE and any(block):
        member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        start = at + tarfile.BLOCKSIZE
        end = start + (0 if member.type in _EMPTY else member.size)
        if not start <= end <= len(plain):
            raise _fault(where, f"{member.name[:80]!r} ends where there is nothing")
        if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
            yield member.name, start, end
        at, count = end + -end % tarfile.BLOCKSIZE, count + 1
        _expect_few(count, where)


def _expect_few(count: int, where: str) -> None:
    if count > _ENTRIES:
        raise _fault(where, f"it has more than {_ENTRIES} files")


def _only(names: list[str], where: str) -> str:
    found = [name for name in names if name.endswith(".wfp")]
    if len(found) != 1:
        raise _fault(where, f"it carries {len(found)} .wfp files, not one")
    return found[0]


def _entry(archive: zipfile.ZipFile, name: str, most: int, where: str) -> bytes:
    with archive.open(name) as file:
        return _within(file.read(most + 1), most, where)


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
