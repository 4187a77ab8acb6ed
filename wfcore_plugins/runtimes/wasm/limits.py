"""What both sides of the socket have to agree about."""

from __future__ import annotations

from typing import Final

#: Bytes of a module.
MAX_MODULE: Final = 32 * 1024 * 1024
#: Bytes of a request to the code, of its result, and of each answer to it.
MAX_TEXT: Final = 16 * 1024 * 1024
#: Bytes of a request of the code to its host.
MAX_ASKED: Final = 8 * 1024 * 1024
#: Bytes of a module's stack.
MAX_STACK: Final = 1024 * 1024
#: Elements of a module's table.
MAX_TABLE: Final = 20_000
#: Bytes of what a compilation makes.
MAX_MADE: Final = 256 * 1024 * 1024
#: Part of the name of what is compiled: another configuration of the compiler means another file.
CONFIGURATION: Final = "epoch,stack=1MiB,core+simd,copied,1"
