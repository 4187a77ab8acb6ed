"""The build backend: setuptools, with the JavaScript engine put in its place before (PEP 517, PEP 660)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

from engine_build import ensure
from engine_sources import BuildError

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

ENGINE = Path(__file__).parents[2] / "wfcore_plugins" / "runtimes" / "wasm" / "engine"


def _have_engine() -> None:
    try:
        ensure(ENGINE)
    except BuildError as error:
        raise SystemExit(f"workflow-engine: {error}") from None


def build_wheel(*arguments: Any, **named: Any) -> str:
    """See PEP 517."""
    _have_engine()
    return str(build_meta.build_wheel(*arguments, **named))


def build_sdist(*arguments: Any, **named: Any) -> str:
    """See PEP 517. The archive has the engine, so that who builds from it needs no compiler and no Node."""
    _have_engine()
    return str(build_meta.build_sdist(*arguments, **named))


def build_editable(*arguments: Any, **named: Any) -> str:
    """See PEP 660."""
    _have_engine()
    return str(build_meta.build_editable(*arguments, **named))
