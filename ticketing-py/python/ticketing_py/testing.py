"""For tests and demos: a scripted payment gateway, and a clock that only moves when you set it.

>>> from ticketing_py.testing import FakeGateway
>>> gateway = FakeGateway()
>>> gateway.calls()["open_checkout"]
0
"""

from ._native import FakeGateway, ManualClock

__all__ = ["FakeGateway", "ManualClock"]
