#!/usr/bin/env bash
# Runs every test there is. From a fresh clone, as root or not: tests/run.sh
#
# Calls tests/setup.sh first, which installs the programs that the tests start. Where one is missing, the tests that need it are skipped,
# and listed at the end; with CI=true a missing program is a failure. For a quick round: tests/quick.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

newman_version=6.2.2
log=target/run.log
# Many tests wait: for the disk, for a server, for time to pass.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc 2>/dev/null || echo 2)))}
# The simulation is among the Rust tests too, where a debug build is to run a few histories only: so the setting is for one step.
histories=${SIM_HISTORIES:-3000}
unset SIM_HISTORIES
scratch=
server=
simulation=
began=$SECONDS

# shellcheck source=tests/tools.sh
source tests/tools.sh

clean_up() {
    if [[ -n $simulation ]]; then kill -- "-$simulation" 2>/dev/null || true; fi
    if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi
    if [[ -n $scratch ]]; then rm -rf "$scratch"; fi
}
trap clean_up EXIT

# A heading, and how long what came before it took.
step_began=
heading() {
    if [[ -n $step_began ]]; then echo "   ($((SECONDS - step_began)) s)"; fi
    step_began=$SECONDS
    printf '\n== %s\n' "$*"
}

mkdir -p target
: >"$log"
# Every proof adds a line: what was injected, how often, what was found.
export PROOF_TABLE=$PWD/target/proofs.tsv
: >"$PROOF_TABLE"

heading "programs that the tests start"
tests/setup.sh
have cargo || die "Rust is missing: https://rustup.rs installs it"
have curl || die "curl is missing: install curl"
have initdb || missing "the PostgreSQL storage"
have pgbouncer || missing "PostgreSQL through PgBouncer"
have strace || missing "power cuts and failing disks"
with_node=yes
if ! have node npm; then
    with_node=no
    missing "the Postman collection"
fi

heading "features of ticketing-core"
tests/features.sh

heading "building all tests"
# The server is built along with them, and the tests of the whole take this one.
cargo test --quiet --locked --workspace --all-features --no-run || die "the tests do not compile"
export TICKETING_SERVER=$PWD/target/debug/ticketing-http

heading "all Rust tests: units, the API, storages, examples, documentation, races, kill -9, bad input"
cargo test --locked --workspace --all-features --no-fail-fast 2>&1 | tee "$log" | grep -E '^(test result|     Running|   Doc-tests|failures:|    [a-z_:]+$|sale_race|kill_nine|skipped|error)' ||
    { tail -n 200 "$log"; die "cargo test --workspace --all-features; the whole log is in $log"; }
passed=$(awk '/^test result: ok/ {sum += $4} END {print sum + 0}' "$log")
[[ $passed -gt 0 ]] || die "no test was run"

# The tests below mostly wait, so the simulation runs beside them, and gets what they leave of the cores.
heading "simulation, beside the steps below: histories decided by their seeds, and planted bugs that it must find"
SIM_HISTORIES=$histories setsid nice -n 19 cargo test --quiet --locked -p ticketing-core --profile simulation --no-default-features \
    --features testing --test simulation -- --nocapture >target/simulation.log 2>&1 &
simulation=$!

assertions=0
if [[ $with_node = yes ]]; then
    heading "Postman collection against a live server"
    newman=target/newman-$newman_version/node_modules/.bin/newman
    if [[ ! -x $newman ]]; then
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix "target/newman-$newman_version" "newman@$newman_version" </dev/null ||
            die "newman $newman_version could not be installed by npm"
    fi
    scratch=$(mktemp -d)
    (cd "$scratch" && exec env PORT=0 RATE_LIMIT_REQUESTS=1000 "$TICKETING_SERVER") >"$scratch/server.log" 2>&1 </dev/null &
    server=$!
    url=
    for _ in $(seq 200); do
        url=$(sed -n 's#.*listens on \(http://[0-9.:]*\).*#\1#p' "$scratch/server.log" | head -n 1)
        if [[ -n $url ]] && curl -fs "$url/health" >/dev/null; then break; fi
        kill -0 "$server" 2>/dev/null || { cat "$scratch/server.log"; die "the server did not start"; }
        sleep 0.1
    done
    "$newman" run examples/postman/Event_Ticketing_System_API.postman_collection.json \
        --environment examples/postman/Ticketing_local.postman_environment.json \
        --env-var "base_url=$url" --env-var "sandbox_url=$url/sandbox/paystack" \
        --reporters cli,json --reporter-json-export "$scratch/newman.json" --reporter-cli-no-success-assertions \
        --color off </dev/null || { tail -n 40 "$scratch/server.log"; die "the Postman collection"; }
    assertions=$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).run.stats.assertions.total' "$scratch/newman.json")
    [[ $assertions -gt 0 ]] || die "newman asserted nothing"
    kill "$server"
    wait "$server" || die "the server did not end well when it was asked to"
    server=
fi

heading "generated clients, in Python and TypeScript, against a live server"
tests/clients.sh || die "tests/clients.sh"

heading "Python: the module as pip builds it, its tests, its examples, its types"
python_tests=0
if have python3 python3:ensurepip && python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    ticketing-py/tests/run.sh 2>&1 | tee target/python.log || die "the Python tests"
    python_tests=$(sed -n 's/^\([0-9]*\) passed.*/\1/p' target/python.log | tail -n 1)
    [[ $python_tests -gt 0 ]] || die "no Python test was run"
else
    missing "the Python bindings"
fi

heading "the end of the simulation"
outcome=0
wait "$simulation" || outcome=$?
simulation=
cat target/simulation.log
[[ $outcome = 0 ]] || die "the simulation; what it says last tells how to replay it"

heading "deployment files, each validated by its own tool"
tests/deploy.sh || die "tests/deploy.sh"

heading "what was injected, how often, and what was found"
sort "$PROOF_TABLE" | awk -F '\t' '
    BEGIN { printf "   %-26s  %-66s  %9s  %s\n", "PROOF", "INJECTED", "TIMES", "FOUND" }
    { printf "   %-26s  %-66s  %9d  %s\n", $1, $2, $3, $4 }'

heading "all of it"
for what in "${skipped[@]}"; do echo "   NOT tested here: $what"; done
echo "   Rust tests: $passed, assertions of the Postman collection: $assertions, Python tests: $python_tests, in $((SECONDS - began)) s"
echo "$((passed + assertions + python_tests)) passed, 0 failed"
