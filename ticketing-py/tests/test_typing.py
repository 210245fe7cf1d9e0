"""Type checkers accept the package and its typed usage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    "checker",
    [
        ["mypy", "--strict", "--warn-unused-ignores"],
        ["pyright", "--warnings", "--pythonpath", sys.executable],
        ["mypy.stubtest", "ticketing_py", "--allowlist", str(HERE / "stubtest.txt")],
    ],
    ids=lambda checker: checker[0],
)
def test_the_package_is_typed(checker: list[str]) -> None:
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *checker], cwd=HERE.parent, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
