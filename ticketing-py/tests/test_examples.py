"""The examples that need no server work as described. `examples/fastapi` has its own test beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


def test_notebook_prints_the_expected_lines(tmp_path: Path) -> None:
    program = EXAMPLES / "notebook" / "sale.py"
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Summer party: 3 places, from NGN 1500.00",
        "Ada owes NGN 3000.00, until 12:15",
        "Bob cannot have two: 1 left",
        "1 hold expired",
        "Bob has 2 tickets",
        "To bob@example.com: Your tickets: Summer party",
        "Checked in at 12:16",
        "Refunded: NGN 3000.00",
    ]
    assert program.read_text().count("# %%") == 9


def test_first_day_does_every_wish(tmp_path: Path) -> None:
    program = EXAMPLES / "first_day" / "first_day.py"
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "['General admission', 'VIP']"
    assert lines[1] == str(["guest@example.com"] * 3)
    assert lines[2:5] == ["guest@example.com,active,5000.00"] * 3
    assert lines[5:] == ["NGN 0.00", "tickets_again", "NGN 2500.00", "True"]


def test_gateway_in_the_readme_has_every_method() -> None:
    import ticketing_py

    readme = (EXAMPLES.parent / "ticketing-py" / "README.md").read_text()
    protocol = {name for name in vars(ticketing_py.PaymentGateway) if not name.startswith("_")}
    shown = readme.partition("class MyGateway:")[2].partition("```")[0]
    assert protocol - {"name", "mode"} == {line.split("def ")[1].split("(")[0] for line in shown.splitlines() if "def " in line}
