"""Mailers: SMTP, files, memory, and the protocol for one of your own."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypeAlias

from ._native import FileMailer, MemoryMailer, SmtpMailer
from .mails import Mail

__all__ = ["AsyncMailer", "FileMailer", "Mailer", "MemoryMailer", "PythonMailer", "SmtpMailer"]


class PythonMailer(Protocol):
    """Delivers mail. Any class with this method is a mailer.

    - **At least once**: a mail is retried, with the same ``message_id``, until one attempt succeeds.
    - Raise `MailRefused` if a retry is pointless. After any other exception, the mail is retried later.
    - The method runs on one of a few threads, with ``mailer_timeout``.
    """

    def send(self, mail: Mail, /) -> None:
        """Delivers one mail to its one recipient."""


class AsyncMailer(Protocol):
    """The same with an ``async`` method, which runs on the event loop that upkeep was started from."""

    def send(self, mail: Mail, /) -> Awaitable[None]:
        """Delivers one mail to its one recipient."""
        ...


Mailer: TypeAlias = SmtpMailer | FileMailer | MemoryMailer | PythonMailer | AsyncMailer
"""Any mailer."""
