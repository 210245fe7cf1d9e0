"""For tests and trials: a gateway that does as it is told, and a clock that you turn by hand.

>>> from ticketing_py.testing import FakeGateway
>>> bank = FakeGateway()
>>> bank.calls()["open_checkout"]
0
"""

from ._native import FakeGateway, ManualClock

__all__ = ["FakeGateway", "ManualClock"]
