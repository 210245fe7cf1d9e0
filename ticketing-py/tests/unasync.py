"""Generates `_sync.py` from `_async.py`, and the `Engine` of `_native.pyi` from its `AsyncEngine`. `--check` only compares.

The two facades differ only in `async` and `await`, so only one of them is written by hand.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent / "python" / "ticketing_py"
MADE = "# Generated from _async.py by tests/unasync.py: edit that one.\n\n"


def facade(source: str) -> str:
    """The same without `async` and `await`."""
    _, _, rest = source.partition('"""\n')
    rest = rest.replace("for asyncio.", "for plain code.", 1)
    rest = re.sub(r"\bAsync(Ticketing|Engine|Iterator)\b", r"\1", rest)
    rest = rest.replace("__aenter__", "__enter__").replace("__aexit__", "__exit__")
    rest = re.sub(r"\b(async|await) ", "", rest).replace("``async with``", "``with``")
    rest = rest.replace(
        "many tasks, threads and event loops at once. Cancelling a waiting task drops its call,\n"
        "    which is then either done or not done, never half.",
        "many threads at once; other Python threads run while a call waits. Ctrl-C drops the call,\n"
        "    which is then either done or not done, never half.",
    )
    rest = re.sub(r">>> \((tickets\.\w+\([^()]*\))\)\.", r">>> \1.", rest)
    return f'"""The facade for plain code."""\n\n{MADE}{rest.lstrip()}'


def stub(source: str) -> str:
    """The stub with its `Engine` generated from `AsyncEngine`."""
    before, _, rest = source.partition("@final\nclass AsyncEngine:")
    before, _, _ = before.partition("@final\nclass Engine:")
    body, mark, after = rest.partition("\n# End of the engines.")
    plain = re.sub(r"-> Awaitable\[(.*)\]: \.\.\.", r"-> \1: ...", body)
    return f"{before}@final\nclass Engine:{plain.rstrip()}\n\n@final\nclass AsyncEngine:{body}{mark}{after}"


def main() -> int:
    generated = {
        HERE / "_sync.py": facade((HERE / "_async.py").read_text()),
        HERE / "_native.pyi": stub((HERE / "_native.pyi").read_text()),
    }
    for path, text in generated.items():
        if path.exists() and path.read_text() == text:
            continue
        if "--check" in sys.argv:
            print(f"{path.name} is out of date: run tests/unasync.py", file=sys.stderr)
            return 1
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
