# shellcheck shell=bash disable=SC2154
# For the scripts beside this one: programs that are there, that can be installed, or that are missing. Writes into $log.

die() {
    echo "FAILED: $*" >&2
    exit 1
}

# Whether a program is there, after trying to install the packages named.
have() {
    local program=$1
    shift
    if command -v "$program" >/dev/null; then return 0; fi
    if [[ $(id -u) = 0 ]] && command -v apt-get >/dev/null; then
        echo "   installing $*"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"; } </dev/null >>"$log" 2>&1 || true
    fi
    command -v "$program" >/dev/null
}

skipped=()

# With CI=true nothing is skipped: what is missing is a failure.
missing() {
    if [[ ${CI:-} = true ]]; then die "$1"; fi
    echo "   skipped: $1"
    skipped+=("$2")
}
