"""Exports."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from ._values import Word

Cell: TypeAlias = str | int | Decimal | datetime | None
"""The content of a cell of an export: an amount is a ``Decimal``, and its currency has a column of its own. A time is in UTC."""


class ExportKind(Word):
    """What an export lists."""

    ATTENDEES = "attendees"
    """The tickets that were issued, with who comes with them."""
    ORDERS = "orders"
    """The orders, whatever became of them."""
    REFUNDS = "refunds"
    CHECK_INS = "check-ins"
    """The tickets whose holders were let in."""
