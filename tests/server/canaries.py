"""Canary secrets, the ways in which they may be written, and the search for them."""

import base64
import codecs
import html
import json
import quopri
import secrets
import shlex
from pathlib import Path
from urllib.parse import quote, quote_plus

NAMES = (
    "HEADER", "QUERY", "BODY", "BASIC", "BEARER", "FORM", "LOGGED", "KEPT", "LARGE", "FAILED", "DATABASE",
    "INVALID", "CODE", "PLUGIN", "CRASHED", "SENSITIVE", "SCOPED", "HOOKED",
)  # fmt: skip
#: What makes a difference in one encoding or another.
_ODD = {"BODY": 'q"uo\\te', "FORM": " &=%+", "LOGGED": "ü€", "LARGE": "\nline-two-of-it", "DATABASE": "'; --"}


def made():
    """Eighteen values that nothing else looks like."""
    return {
        name: f"cnry{number:02d}{secrets.token_hex(10)}{_ODD.get(name, '+/=')}zz"
        for number, name in enumerate(NAMES)
    }


def encodings(value):
    """The value in each of the encodings, as bytes: name -> what to look for."""
    raw = value.encode()
    found = {
        "plain": raw,
        "upper case": value.upper().encode(),
        "swapped case": value.swapcase().encode(),
        "backwards": value[::-1].encode(),
        "utf-16-le": value.encode("utf-16-le"),
        "utf-16-be": value.encode("utf-16-be"),
        "json": json.dumps(value)[1:-1].encode(),
        "json utf-8": json.dumps(value, ensure_ascii=False)[1:-1].encode(),
        "json twice": json.dumps(json.dumps(value))[3:-3].encode(),
        "repr": repr(value)[1:-1].encode(),
        "repr of bytes": repr(raw)[2:-1].encode(),
        "url": quote(value, safe="").encode(),
        "url with slashes": quote(value).encode(),
        "form": quote_plus(value).encode(),
        "url twice": quote(quote(value, safe=""), safe="").encode(),
        "html": html.escape(value).encode(),
        "shell": shlex.quote(value).encode(),
        "sql": value.replace("'", "''").encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "hex with colons": raw.hex(":").encode(),
        "rot13": codecs.encode(value, "rot13").encode(),
        "quoted printable": quopri.encodestring(raw).strip(),
        "base32": base64.b32encode(raw).rstrip(b"="),
        "base85": base64.b85encode(raw)[:-5],
        # A part of it, which is left when a text was cut; and without what encodings treat differently.
        "beginning": raw[:14],
        "middle": raw[6:22],
        "middle in hex": raw[6:22].hex().encode(),
    }
    for before in range(3):
        core = base64.b64encode(bytes(before) + raw[:24])[4:-4]
        found[f"base64 +{before}"] = core
        found[f"base64url +{before}"] = core.replace(b"+", b"-").replace(b"/", b"_")
    return found


class Search:
    """Looks for canaries; ``hits`` are (place, canary, encoding)."""

    def __init__(self, values):
        self._wanted = [(n, e, what) for n, value in values.items() for e, what in encodings(value).items()]
        self.hits = set()
        self.around = []
        self.seen = 0

    def content(self, place, content):
        """Look into some bytes or a text."""
        content = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else bytes(content)
        self.seen += len(content)
        for name, encoding, what in self._wanted:
            if what in content:
                self.hits.add((place, name, encoding))
                at = content.index(what)
                self.around.append(f"{place} {name} {encoding}: {content[max(0, at - 150) : at + 150]!r}")

    def files(self, top, *but):
        """Look into every file below a directory, and at its name."""
        for file in Path(top).rglob("*"):
            self.content("a file's name", str(file))
            if file.is_file() and file.name not in but:
                self.content(str(file.relative_to(top)), file.read_bytes())

    def process(self, pid):
        """Look into what the kernel shows of a process to others; not into its memory."""
        place = Path(f"/proc/{pid}")
        for name in ("cmdline", "environ", "comm", "status", "maps", "mountinfo", "limits"):
            try:
                self.content(f"/proc/{name}", (place / name).read_bytes())
            except OSError:
                continue  # it has gone
        try:
            links = list((place / "fd").glob("*"))
        except OSError:
            return  # now it has gone
        for link in links:
            try:
                self.content("/proc/fd", str(link.readlink()))
            except OSError:
                continue

    def told(self):
        """The hits, one a line, with what stands around the first few of them."""
        return "\n".join(" · ".join(hit) for hit in sorted(self.hits)) + "\n" + "\n".join(self.around[:20])
