"""Servers on this machine that answer as those of the official plugins do: accept, refuse and limit."""

from .github import GitHubServer, Repository
from .slack import SlackServer
from .stripe import StripeServer
from .telegram import TelegramServer
from .web import Answer, Server

__all__ = ["Answer", "GitHubServer", "Repository", "Server", "SlackServer", "StripeServer", "TelegramServer"]
