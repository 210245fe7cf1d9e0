#!/usr/bin/env bash
# Installs every external program that the tests start, as tests/programs.txt lists them: tests/setup.sh
#
# As root on a machine with apt-get, it installs what is missing. Elsewhere, and where that fails, it says which packages to install; with
# CI=true a missing program is then a failure, else the tests that need it are skipped. `--list` only says what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/tools.sh
source tests/tools.sh

mkdir -p target
log=target/setup.log
: >"$log"

# Writes the packages of which something is missing, one a line, with the programs that are.
packages_missing() {
    local package programs program gone
    while IFS=: read -r package programs; do
        if [[ $package = optional ]]; then continue; fi
        gone=
        for program in ${programs%%#*}; do
            if ! is_there "$program"; then gone+=" $program"; fi
        done
        if [[ -n $gone ]]; then echo "$package$gone"; fi
    done < <(grep -vE '^(#|$)' tests/programs.txt)
}

missing=$(packages_missing)
if [[ -n $missing && ${1:-} != --list && $(id -u) = 0 ]] && is_there apt-get; then
    mapfile -t packages < <(cut -d' ' -f1 <<<"$missing" | grep -vx rustup)
    if [[ ${#packages[@]} -gt 0 ]]; then
        echo "   installing ${packages[*]}"
        apt-get update -qq </dev/null >>"$log" 2>&1 || true
        # One by one: a package that this machine's mirror does not have must not keep the others out.
        for package in "${packages[@]}"; do
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" </dev/null >>"$log" 2>&1 || true
        done
        missing=$(packages_missing)
    fi
fi

if [[ -z $missing ]]; then
    echo "   every program that the tests start is there"
    exit 0
fi
while read -r package programs; do
    if [[ $package = rustup ]]; then
        echo "   missing: $programs; https://rustup.rs installs Rust"
    else
        echo "   missing: $programs; install the package $package"
    fi
done <<<"$missing"
if [[ ${CI:-} = true ]]; then die "programs that the tests start are missing; $log says why they could not be installed"; fi
echo "   the tests that need them are skipped"
