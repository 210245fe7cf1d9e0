"""Mailers: SMTP, files, memory, and what one is that you write yourself."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypeAlias

from ._native import FileMailer, MemoryMailer, SmtpMailer
from .mails import Mail

__all__ = ["AsyncMailer", "FileMailer", "Mailer", "MemoryMailer", "PythonMailer", "SmtpMailer"]


class PythonMailer(Protocol):
    """Delivers mail. Any class with this method is one.

    - **At least once**: a mail is sent again until one try succeeded, with the same ``message_id``.
    - Raise `MailRefused` where it will never work. Whatever else is raised, the mail is tried again later.
    - It runs on one of a few threads, and is given up after ``mailer_timeout``.
    """

    def send(self, mail: Mail, /) -> None:
        """Delivers one mail to its one recipient."""


class AsyncMailer(Protocol):
    """The same with an ``async`` method, which runs on the event loop of whoever started the upkeep."""

    def send(self, mail: Mail, /) -> Awaitable[None]:
        """Delivers one mail to its one recipient."""
        ...


Mailer: TypeAlias = SmtpMailer | FileMailer | MemoryMailer | PythonMailer | AsyncMailer
"""What delivers the mail."""
