#!/usr/bin/env bash
# Tries a rolling upgrade: builds the server of an older commit and the one of this working copy, and lets both sell from one
# PostgreSQL database (tests/suite/rolling_upgrade.rs says what is looked at). By hand, before a migration lands:
#
#   tests/rolling_upgrade.sh [commit]        ROLLING_SECONDS=60 tests/rolling_upgrade.sh v0.1.0
#
# Without a commit: the last one before the newest migration was added.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
    echo "rolling_upgrade.sh: $*" >&2
    exit 1
}

commit=${1:-}
if [[ -z $commit ]]; then
    newest=$(find ticketing-core/migrations/postgres -name '*.sql' | sort | tail -n 1)
    landed=$(git log --diff-filter=A --format=%H -n 1 -- "$newest")
    # Not committed yet: HEAD is the version before.
    commit=${landed:+$landed^}
    commit=${commit:-HEAD}
fi
git rev-parse --verify --quiet "$commit^{commit}" >/dev/null || die "there is no commit $commit"

scratch=$(mktemp -d)
clean_up() {
    git worktree remove --force "$scratch/old" 2>/dev/null || true
    rm -rf "$scratch"
}
trap clean_up EXIT

echo "== building the server of $(git log -n 1 --format='%h %s' "$commit")"
git worktree add --quiet --detach "$scratch/old" "$commit"
# In our own target folder: what both depend on is there already. The program is taken away before the new one replaces it.
target=$PWD/target
(cd "$scratch/old" && cargo build --quiet --locked -p ticketing-http --target-dir "$target")
cp "$target/debug/ticketing-http" "$scratch/ticketing-http-old"

echo "== building the server of this working copy"
cargo build --quiet --locked -p ticketing-http --target-dir "$target"
cp "$target/debug/ticketing-http" "$scratch/ticketing-http-new"

echo "== both on one database"
OLD_SERVER=$scratch/ticketing-http-old TICKETING_SERVER=$scratch/ticketing-http-new \
    cargo test --quiet --locked -p ticketing-tests --test suite rolling_upgrade:: -- --ignored --nocapture
