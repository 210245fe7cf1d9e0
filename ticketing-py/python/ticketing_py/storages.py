"""Storages."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TypeAlias

from ._native import MemoryStorage

__all__ = ["MemoryStorage", "PostgresStorage", "SqliteStorage", "Storage"]


@dataclass(frozen=True, slots=True)
class SqliteStorage:
    """Embedded SQLite: one file, nothing to install. The file is created if it does not exist."""

    path: str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class PostgresStorage:
    """A PostgreSQL database, for many processes: ``postgres://user:password@host/database``."""

    url: str = field(repr=False)


Storage: TypeAlias = MemoryStorage | SqliteStorage | PostgresStorage | str | os.PathLike[str]
"""A storage, or a string: ``"postgres://…"``, ``"sqlite::memory:"`` or the path of an SQLite file."""
