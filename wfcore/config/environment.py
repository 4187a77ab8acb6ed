"""Settings from environment variables: ``WORKFLOW_`` and the key's path in capitals."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from wfcore.config import keys
from wfcore.config.given import Fault, Given

PREFIX: Final = "WORKFLOW_"
#: Variables of ours that are no settings: the client's, and secrets.
OWN: Final = re.compile(r"WORKFLOW_(TOKEN|CONFIG|SERVER|REGISTRY_TOKEN|SECRET_.*|TEST_.*)")
#: What Kubernetes sets in a pod for every Service whose name begins with "workflow" and that cannot be ours.
SERVICE_LINK: Final = re.compile(
    r"WORKFLOW_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_LINK_VALUE: Final = re.compile(r"(tcp|udp|sctp)://")


def read(
    environ: Mapping[str, str], known: Iterable[tuple[str, ...]], base: Path, faults: list[Fault]
) -> list[Given]:
    """What the environment sets. ``known`` are the file's paths: they tell how drivers spell theirs."""
    plain = [key for key in keys.KEYS if "<" not in key.name]
    names = {key.environment: key.path for key in plain if key.only is not None}
    names |= {keys.environment_name(path): path for path in known if keys.find(path, "")}
    names |= {key.environment: key.path for key in plain if key.only is None}
    result = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or OWN.fullmatch(name) or SERVICE_LINK.fullmatch(name):
            continue
        path = names.get(name) or _driver_path(name.removeprefix(PREFIX).split("_"))
        value = environ[name]
        if name.endswith("_PORT") and _LINK_VALUE.match(value):
            faults += [_link(name, value)] if path else []
        elif path is None:
            faults.append(_unknown(name, names))
        else:
            result += _given(name, path, value, base, faults)
    return result


def _given(name: str, path: tuple[str, ...], text: str, base: Path, faults: list[Fault]) -> list[Given]:
    key = keys.find(path, "sqlite")
    assert key is not None, path
    one = Given(path, text, f"environment {name}", base)
    try:
        return [replace(one, value=key.kind.parse(text))]
    except ValueError as error:
        faults.append(one.fault(str(error)))
        return []


def _driver_path(words: list[str]) -> tuple[str, ...] | None:
    """``TRIGGERS_CRON_MAX_LATENESS`` -> ``triggers.cron.maxLateness``, where only the driver knows."""
    if not all(words):
        return None
    for key in keys.KEYS:
        head, *rest = key.path
        if "<" not in key.name or head.upper() != words[0]:
            continue
        if rest == [keys.SETTING] and len(words) > 1:
            return head, _camel(words[1:])
        if rest == [keys.NAME, keys.SETTING] and len(words) > 2:
            return head, words[1].lower(), _camel(words[2:])
        if rest[-1].upper() == words[-1] and len(words) > 2:
            return head, "_".join(words[1:-1]).lower(), rest[-1]
    return None


def _camel(words: list[str]) -> str:
    return words[0].lower() + "".join(map(str.capitalize, words[1:]))


def _link(name: str, value: str) -> Fault:
    service = name.removesuffix("_PORT").lower().replace("_", "-")
    return _fault(
        name,
        f"{value!r} is no setting but the link that Kubernetes makes for a Service named "
        f"{service}; set `enableServiceLinks: false` in the pod, or rename the Service",
    )


def _unknown(name: str, names: Iterable[str]) -> Fault:
    near = difflib.get_close_matches(name, [*names], 1, 0.75)
    return _fault(name, "no setting has this name" + (f" (did you mean {near[0]}?)" if near else ""))


def _fault(name: str, message: str) -> Fault:
    return Fault(float("inf"), 0, f"environment {name}: {message}")
