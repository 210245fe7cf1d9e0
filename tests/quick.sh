#!/usr/bin/env bash
# The quick round while you work: everything that needs no PostgreSQL, no simulation and no server of its own. Arguments go to the tests:
# tests/quick.sh money::
#
# The features are those of the full round, so that both share one build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Filters match a part of a test's name; every test on PostgreSQL has it in its name or its module's.
slow=(postgres pgbouncer hostile_gateway fixtures::rolling planted_bugs)
skip=()
for name in "${slow[@]}"; do skip+=(--skip "$name"); done

cargo test --locked -p ticketing-core -p ticketing-http --all-features --lib --test suite --test api -- "${skip[@]}" "$@"
cargo test --locked -p ticketing-tests --test suite -- dependencies:: deploy:: programs:: "${skip[@]}"
