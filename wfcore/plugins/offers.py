"""The part of the contract of shared storage that is about attempts which other servers may run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wfcore.model.nodes import Offer
    from wfcore.model.records import Message


class Offers(Protocol):
    """Attempts that are offered, taken by one server, and end when that has delivered how they ended.

    The owner of an execution alone writes it: what others have done for it comes as messages.
    """

    def offer(self, offers: Sequence[Offer]) -> None:
        """Offer attempts; one that is offered already stays as it is."""

    def take_offers(
        self, node: str, labels: Collection[str], limit: int, only: Offer | None = None
    ) -> list[Offer]:
        """Let a server run the oldest free attempts, or only that one, that have no label or one of these."""

    def deliver(self, node: str, messages: Sequence[Message]) -> list[str]:
        """Post messages about attempts that this server runs; the owners that have news by them.

        A message about one that is not (any more) offered and taken by this server is left out. One of kind
        ``outcome`` ends the offer. All is one durable transaction.
        """

    def stop_offers(self, offers: Sequence[Offer], reason: str) -> list[Offer]:
        """Withdraw those that nobody has taken, which are returned; mark the others, once, that they stop."""

    def held_offers(self, node: str) -> list[Offer]:
        """What a server has taken."""

    def offers(self, execution: str) -> list[Offer]:
        """What is offered of an execution, and what has ended but its owner has not heard of it yet."""

    def idle_offers(self, owner: str, seconds: float) -> list[Offer]:
        """What a server offered that nobody has taken for so long; each comes once in that time."""

    def lost_offers(self, owner: str) -> list[Offer]:
        """Withdraw and return what a server offered and another one took that is no node any more."""
