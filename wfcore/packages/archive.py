"""``.wfp``: a zip archive of a manifest and its module, the same for the same files; read with distrust."""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wfcore.errors import InvalidPackage
from wfcore.packages.manifest import FILE, Manifest, parse_manifest

MODULE: Final = "plugin.wasm"
MAX_ENTRIES: Final = 100
#: Bytes of an entry in the list of files.
MAX_LISTED: Final = 1024
#: Bytes of all files together, also of the archive itself.
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_MODULE: Final = 32 * 1024 * 1024
MAX_TEXT: Final = 1024 * 1024
#: How many times a file beyond MAX_TEXT may be larger than what stands for it in the archive.
MAX_RATIO: Final = 200

_END: Final = struct.Struct("<4sHHHHIIH")
_LOCAL: Final = struct.Struct("<4s22xHH")
#: What may follow the bytes of an entry that says so: its sizes, with or without a mark.
_TRAILED: Final = 0x8
_TRAILERS: Final = (0, 12, 16)
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_REMEDY: Final = "make it with `workflow plugin build`"


@dataclass(frozen=True, slots=True)
class Archive:
    """A package as it was read. ``digest`` is the sha256 (hex) of the whole archive, its identity."""

    digest: str
    manifest: Manifest
    module: bytes
    readme: str = ""
    license: str = ""


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files, by name; ``plugin.yaml`` and ``plugin.wasm`` are among them."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, files[name])
    return made.getvalue()


def read_archive(content: bytes) -> Archive:
    """The package in these bytes, with its manifest checked. Raises InvalidPackage."""
    if len(content) > MAX_BYTES:
        raise _fault(f"it has {len(content)} bytes; at most {MAX_BYTES} are read")
    _expect_plain(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            _expect_sound(archive.infolist(), content, archive.start_dir)
            files = {
                name: _file(archive, entries.get(name), limit)
                for name, limit in (
                    (FILE, MAX_TEXT),
                    (MODULE, MAX_MODULE),
                    ("README.md", MAX_TEXT),
                    ("LICENSE", MAX_TEXT),
                )
            }
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError) as error:
        raise _fault(f"it is no sound zip archive: {error}") from None
    except (RuntimeError, OSError, OverflowError, IndexError) as error:
        raise _fault(f"it cannot be read: {error}") from None
    if not files[FILE] or not files[MODULE]:
        raise _fault(f"{MODULE if files[FILE] else FILE} is missing or empty")
    return Archive(
        hashlib.sha256(content).hexdigest(),
        parse_manifest(files[FILE]),
        files[MODULE],
        files["README.md"].decode("utf-8", "replace"),
        files["LICENSE"].decode("utf-8", "replace"),
    )


def _fault(message: str) -> InvalidPackage:
    return InvalidPackage(f"the package cannot be accepted: {message}", remedy=_REMEDY)


def _expect_plain(content: bytes) -> None:
    """Refuse by the archive's end, before anything is listed, what no list should be made of."""
    if len(content) < _END.size or content[:4] != b"PK\x03\x04":
        raise _fault("it is no zip archive")
    mark, disk, first, here, entries, size, start, comment = _END.unpack(content[-_END.size :])
    if mark != b"PK\x05\x06" or comment:
        raise _fault("something follows the end of the zip archive")
    if disk or first or here != entries:
        raise _fault("it is one of several volumes")
    if entries > MAX_ENTRIES:
        raise _fault(f"it has {entries} files; at most {MAX_ENTRIES} are read")
    if size > entries * MAX_LISTED:  # what reads the list goes by this size, and not by their number
        raise _fault(f"its list of {entries} files has {size} bytes; at most {MAX_LISTED} for each are read")
    if start + size != len(content) - _END.size or b"PK\x06\x07" in content[-_END.size - 20 :]:
        raise _fault("its list of files does not stand before its end (zip64 is not supported)")


def _expect_sound(entries: list[zipfile.ZipInfo], content: bytes, end: int) -> None:
    """Refuse names that lead elsewhere, what is no file, what is hidden, and what grows beyond measure."""
    seen: set[str] = set()
    for entry in entries:
        name = entry.orig_filename
        if _escapes(name):
            raise _fault(f"the name {name[:80]!r} leads out of it")
        plain = unicodedata.normalize("NFC", name).casefold()
        if plain in seen:
            raise _fault(f"the name {name[:80]!r} is there twice")
        seen.add(plain)
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG) or name.endswith("/"):
            raise _fault(f"{name[:80]!r} is no plain file")
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise _fault(f"{name[:80]!r} is encrypted or packed in another way than deflate")
        if entry.file_size > max(MAX_TEXT, entry.compress_size * MAX_RATIO):
            raise _fault(f"{name[:80]!r} would grow more than {MAX_RATIO} times")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise _fault(f"its files have more than {MAX_BYTES} bytes together")
    _expect_apart(entries, content, end)


def _expect_apart(entries: list[zipfile.ZipInfo], content: bytes, end: int) -> None:
    """Refuse entries whose bytes overlap those of another, or of the list; and bytes that are in no list."""
    gaps = []
    for entry in sorted(entries, key=lambda entry: entry.header_offset, reverse=True):
        start = entry.header_offset
        mark, name, extra = _LOCAL.unpack(content[start : start + _LOCAL.size])
        gap = end - (start + _LOCAL.size + name + extra + entry.compress_size)
        if mark != b"PK\x03\x04" or gap < 0:
            raise _fault(f"{entry.filename[:80]!r} overlaps something else")
        gaps.append(gap not in (_TRAILERS if entry.flag_bits & _TRAILED else (0,)))
        end = start
    if end or any(gaps):
        raise _fault("there are bytes between its files, or before them, that are in no list")


def _escapes(name: str) -> bool:
    parts = name.rstrip("/").split("/")
    odd = "\\" in name or ":" in name or any(ord(char) < 32 or ord(char) == 127 for char in name)
    return odd or not name or len(name) > 255 or bool({"", ".", ".."} & set(parts))


def _file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo | None, limit: int) -> bytes:
    if entry is None:
        return b""
    if entry.file_size > limit:
        raise _fault(f"{entry.filename} has {entry.file_size} bytes; at most {limit} are read")
    with archive.open(entry) as file:
        content = file.read(limit + 1)
    if len(content) != entry.file_size:
        raise _fault(f"{entry.filename} has another length than its list says")
    return content
