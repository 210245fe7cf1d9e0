"""Where everything is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TypeAlias

from ._native import MemoryStorage

__all__ = ["MemoryStorage", "PostgresStorage", "SqliteStorage", "Storage"]


@dataclass(frozen=True, slots=True)
class SqliteStorage:
    """One file, embedded: nothing to install. Made where it is not there."""

    path: str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class PostgresStorage:
    """A PostgreSQL database, for many processes at once: ``postgres://user:password@host/database``."""

    url: str = field(repr=False)


Storage: TypeAlias = MemoryStorage | SqliteStorage | PostgresStorage | str | os.PathLike[str]
"""One of the storages; or ``"postgres://…"``, ``"sqlite::memory:"``, or the path of an SQLite file."""
