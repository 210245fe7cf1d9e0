# shellcheck shell=bash disable=SC2154
# For the scripts beside this one: programs that are there, or are missing. tests/setup.sh installs them.

die() {
    echo "FAILED: $*" >&2
    exit 1
}

# Whether a program is there; `python3:module` is a module of Python. Debian keeps PostgreSQL's programs off the path.
is_there() {
    case $1 in
        python3:*) command -v python3 >/dev/null && python3 -c "import ${1#*:}" 2>/dev/null ;;
        *) command -v "$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null ;;
    esac
}

# Whether all of these are there.
have() {
    local program
    for program in "$@"; do
        is_there "$program" || return 1
    done
}

skipped=()

# Notes that something is not tested because programs are missing. With CI=true nothing is skipped: that is a failure.
missing() {
    if [[ ${CI:-} = true ]]; then die "$1 is not tested: tests/setup.sh says what to install"; fi
    echo "   skipped: $1 (tests/setup.sh says what to install)"
    skipped+=("$1")
}
