#!/usr/bin/env bash
# Builds ticketing-py as `pip install` does, into a virtual environment under target/, and runs its tests, doctests and type checkers.
# Arguments go to pytest: ticketing-py/tests/run.sh -k fork
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
venv=$root/target/python-venv

[[ -x $venv/bin/python ]] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement ticketing-py/tests/requirements.txt
# A separate target directory, so that this build and cargo's other builds do not invalidate each other; in CI, where each is made only
# once, they share what other crates compile to. The dev profile, because a release build takes a quarter of an hour.
target=$root/target/python
if [[ ${CI:-} = true ]]; then target=${CARGO_TARGET_DIR:-$root/target}; fi
CARGO_TARGET_DIR=$target MATURIN_PEP517_ARGS="--profile dev" \
    "$venv/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps ./ticketing-py
cd ticketing-py
exec "$venv/bin/python" -m pytest -q -c pyproject.toml --rootdir . tests ../examples/fastapi "$@"
