#!/usr/bin/env bash
# Generates clients from the OpenAPI document that a running server serves, checks their types, and buys a ticket with each:
# openapi-python-client with mypy, openapi-typescript with tsc. tests/clients.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/tools.sh
source tests/tools.sh

folder=$PWD/target/clients
mkdir -p "$folder"
scratch=$(mktemp -d)
server=
clean_up() {
    if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi
    rm -rf "$scratch"
}
trap clean_up EXIT

if [[ -z ${TICKETING_SERVER:-} ]]; then
    cargo build --quiet --locked -p ticketing-http
    TICKETING_SERVER=$PWD/target/debug/ticketing-http
fi
(cd "$scratch" && exec env PORT=0 "$TICKETING_SERVER") >"$scratch/server.log" 2>&1 </dev/null &
server=$!
url=
for _ in $(seq 200); do
    url=$(sed -n 's#.*listens on \(http://[0-9.:]*\).*#\1#p' "$scratch/server.log" | head -n 1)
    if [[ -n $url ]] && curl -fs "$url/health" >/dev/null; then break; fi
    kill -0 "$server" 2>/dev/null || { cat "$scratch/server.log"; die "the server did not start"; }
    sleep 0.1
done
curl -fs "$url/openapi.json" >"$folder/openapi.json"

if have python3 python3:ensurepip && python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    venv=$folder/venv
    python=$venv/bin/python
    [[ -x $python ]] || python3 -m venv "$venv"
    "$python" -m pip install --quiet --disable-pip-version-check --requirement tests/clients/python/requirements.txt ||
        die "the tools of the Python client could not be installed"
    rm -rf "$folder/python"
    mkdir -p "$folder/python"
    # A warning says that an operation or a type was left out: then it fails.
    "$python" -m openapi_python_client generate --path "$folder/openapi.json" --output-path "$folder/python/generated" \
        --meta none --config tests/clients/python/config.yml --fail-on-warning || die "openapi-python-client left something out"
    mv "$folder/python/generated" "$folder/python/ticketing_client"
    cp tests/clients/python/buy.py "$folder/python/"
    (cd "$folder/python" && "$python" -m mypy --strict --no-error-summary ticketing_client buy.py) || die "the types of the Python client"
    (cd "$folder/python" && "$python" buy.py "$url" "$folder/openapi.json") || { tail -n 20 "$scratch/server.log"; die "buying with the Python client"; }
else
    missing "the generated Python client"
fi

if have node npm; then
    rm -rf "$folder/typescript/src"
    mkdir -p "$folder/typescript/src"
    cp tests/clients/typescript/package.json tests/clients/typescript/package-lock.json tests/clients/typescript/tsconfig.json "$folder/typescript/"
    cp tests/clients/typescript/buy.ts "$folder/typescript/src/"
    if ! cmp -s "$folder/typescript/package-lock.json" "$folder/typescript/node_modules/installed"; then
        npm ci --silent --no-audit --no-fund --ignore-scripts --prefix "$folder/typescript" </dev/null ||
            die "the tools of the TypeScript client could not be installed"
        cp "$folder/typescript/package-lock.json" "$folder/typescript/node_modules/installed"
    fi
    node "$folder/typescript/node_modules/openapi-typescript/bin/cli.js" "$folder/openapi.json" \
        --output "$folder/typescript/src/schema.ts" >/dev/null || die "openapi-typescript"
    node "$folder/typescript/node_modules/typescript/bin/tsc" --project "$folder/typescript" || die "the types of the TypeScript client"
    node "$folder/typescript/built/buy.js" "$url" "$folder/openapi.json" ||
        { tail -n 20 "$scratch/server.log"; die "buying with the TypeScript client"; }
else
    missing "the generated TypeScript client"
fi

# The wishes of an organiser's first day, each in one or two calls: every call must succeed.
sh examples/first_day/first_day.sh "$url" >"$scratch/first_day" || { cat "$scratch/first_day"; die "examples/first_day/first_day.sh"; }
[[ $(grep -c '^[0-9]*\. ' "$scratch/first_day") -eq 10 ]] || { cat "$scratch/first_day"; die "the first day had ten wishes"; }

kill "$server"
wait "$server" || die "the server did not stop cleanly"
server=
