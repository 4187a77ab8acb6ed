"""Patterns of URLs as permissions have them: one scheme, one host pattern, one range of ports, one path.

Of two such patterns one can say whether the first covers the second, and what they have in common.
"""

from __future__ import annotations

from wfcore.egress.rules import Rule, read_rules
from wfcore.egress.url import PORTS, Url, parse
from wfcore.errors import Forbidden, InvalidConfig

_REMEDY = "write one like https://api.example.com/v1/* or https://*.example.com"


def pattern(text: str) -> Rule:
    """The pattern that a text says. Raises ValueError.

    The scheme has to be there. Which addresses may be connected to is the configuration's matter
    (``egress``), so ``at`` and networks are refused.
    """
    if text.partition("://")[0] not in PORTS or " " in text.strip():
        raise ValueError(f"{text!r} is no pattern that begins with https:// or http://; {_REMEDY}")
    try:
        (rule,) = read_rules([text], "none")
    except InvalidConfig as error:
        reason = error.message.partition(": ")[2].removesuffix(f"; {error.remedy}")
        raise ValueError(f"{reason}; {_REMEDY}") from None
    (scheme,) = rule.schemes
    return Rule(rule.host, rule.schemes, rule.ports or ((PORTS[scheme], PORTS[scheme]),), path=rule.path)


def shown(rule: Rule) -> str:
    """The pattern as text."""
    (scheme,), ((low, high),) = rule.schemes, rule.ports
    host = f"[{rule.host}]" if ":" in rule.host else rule.host
    ports = "" if low == high == PORTS[scheme] else f":{low}" if low == high else f":{low}-{high}"
    return f"{scheme}://{host}{':*' if (low, high) == (1, 65535) else ports}{rule.path or '/*'}"


def covers(outer: Rule, inner: Rule) -> bool:
    """True when every URL of ``inner`` is one of ``outer``."""
    (low, high), (first, last) = outer.ports[0], inner.ports[0]
    return (
        outer.schemes == inner.schemes
        and _host_within(inner.host, outer.host)
        and low <= first <= last <= high
        and _path_within(inner.path, outer.path)
    )


def meet(a: Rule, b: Rule) -> Rule | None:
    """The pattern of the URLs that fit both, None when there are none.

    Hosts and paths of two patterns are either apart, or one lies within the other.
    """
    low, high = max(a.ports[0][0], b.ports[0][0]), min(a.ports[0][1], b.ports[0][1])
    host = _narrower(a.host, b.host, _host_within(a.host, b.host), _host_within(b.host, a.host))
    path = _narrower(a.path, b.path, _path_within(a.path, b.path), _path_within(b.path, a.path))
    if a.schemes != b.schemes or low > high or host is None or path is None:
        return None
    return Rule(host, a.schemes, ((low, high),), path=path)


def matches(rules: tuple[Rule, ...], url: str) -> bool:
    """True when one of the patterns covers the URL; False also for what is no URL."""
    try:
        parsed = parse(url)
    except Forbidden:
        return False
    return allows(rules, parsed)


def allows(rules: tuple[Rule, ...], url: Url) -> bool:
    """True when one of the patterns covers the URL."""
    return any(rule.covers(url) for rule in rules)


def _narrower(a: str, b: str, a_within: bool, b_within: bool) -> str | None:
    return a if a_within else b if b_within else None


def _host_within(inner: str, outer: str) -> bool:
    return outer in ("*", inner) or (outer.startswith("*.") and inner.endswith(outer[1:]))


def _path_within(inner: str, outer: str) -> bool:
    if outer.endswith("*"):
        return inner.startswith(outer[:-1])
    return outer in ("", inner)
