#!/usr/bin/env bash
# Proves that examples/deploy can be read by what is to read it, as far as that works without the services themselves. From a fresh
# clone, as root or not: tests/deploy.sh
#
# A tool that is missing is said and skipped; with CI=true it is a failure. Nothing is started and nothing is listened on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
deploy=examples/deploy

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
checked=0
skipped=()

die() {
    echo "deploy.sh: $*" >&2
    exit 1
}

passed() {
    checked=$((checked + 1))
    echo "   $1: $2"
}

missing() {
    if [[ ${CI:-} = true ]]; then die "$1 is wanted to check $2"; fi
    echo "   skipped: $2, because there is no $1"
    skipped+=("$2")
}

have() {
    command -v "$1" >/dev/null
}

# The variables that a file sets must be ones that the server knows: a name that is wrong is silently without effect.
known() {
    local file=$1 name
    shift
    for name in "$@"; do
        grep -qE "^#?$name=" .env.example || die "$file sets $name, which .env.example does not know"
    done
    passed "$file" "$# settings are known"
}

echo "== Dockerfile"
if have node && have npm && npm install --silent --no-audit --no-fund --prefix "$scratch" dockerfile-utils@0.16.3 >/dev/null 2>&1; then
    "$scratch/node_modules/.bin/dockerfile-utils" lint "$deploy/Dockerfile" >"$scratch/lint" 2>&1 || die "Dockerfile: $(cat "$scratch/lint")"
    passed Dockerfile "linted by dockerfile-utils"
else
    missing "npm with dockerfile-utils" "the Dockerfile's grammar"
fi
python3 - "$deploy" <<'PY' || die "the Dockerfile is not what it should be"
import re, sys
text = open(sys.argv[1] + "/Dockerfile").read()
lines = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
steps = [line.split(None, 1) for line in lines if line.strip()]
words = [step[0] for step in steps]
assert words.count("FROM") == 2, "two stages are wanted"
last = steps[len(words) - 1 - words[::-1].index("FROM"):]
of = lambda word: [rest for name, rest in last if name == word]
assert of("USER") and of("USER")[-1].split(":")[0].isdigit() and not of("USER")[-1].startswith("0"), "a user by number, not root, is wanted"
assert of("HEALTHCHECK"), "a health check is wanted"
assert of("ENTRYPOINT")[-1].startswith("["), "the entry point must be a list, to hear SIGTERM"
assert "VOLUME" not in words and "type=cache" not in text, "Railway refuses both"
assert all("latest" not in rest for name, rest in steps if name == "FROM"), "images are named by version"
PY
passed Dockerfile "two stages, not root, health check, hears SIGTERM"
# The health check is a program in a string: run it against a server that answers, and against none.
python3 - "$deploy" <<'PY' || die "the health check does not tell a healthy server from none"
import json, re, socket, subprocess, sys, threading
text = re.sub(r"\\\n", " ", open(sys.argv[1] + "/Dockerfile").read())
command = json.loads(re.search(r"HEALTHCHECK.*?CMD\s+(\[.*\])", text)[1])
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
asked = []
def serve(answer):
    connection, _ = listener.accept()
    with connection:
        asked.append(connection.recv(4096))
        connection.sendall(answer)
def check():
    return subprocess.run(command, env={"PORT": str(port), "PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL, timeout=10).returncode
for answer, wanted in ((b'HTTP/1.1 200 OK\r\n\r\n{"status":"healthy"}', True), (b"HTTP/1.1 503 No\r\n\r\n{}", False)):
    thread = threading.Thread(target=serve, args=(answer,))
    thread.start()
    assert (check() == 0) == wanted, answer
    thread.join()
listener.close()
assert check() != 0, "nobody listens"
assert asked[0].startswith(b"GET /health HTTP/1.1\r\nHost: "), asked[0]
PY
passed Dockerfile "its health check says yes to a healthy server and no to others"
# What the build wants must not be kept from it.
for member in $(sed -n 's/^members = \[\(.*\)\]/\1/p' Cargo.toml | tr -d '",'); do
    grep -qx "!$member" "$deploy/Dockerfile.dockerignore" || die "Dockerfile.dockerignore keeps $member from the build"
done
passed Dockerfile.dockerignore "lets every member of the workspace in"

echo "== YAML and JSON"
if python3 -c 'import yaml' 2>/dev/null; then
    python3 - "$deploy" >"$scratch/names" <<'PY' || die "a YAML or JSON file is not what it should be"
import json, sys, yaml
deploy = sys.argv[1]
compose = yaml.safe_load(open(deploy + "/compose.yaml"))
server, database = compose["services"]["server"], compose["services"]["database"]
assert server["depends_on"]["database"]["condition"] == "service_healthy" and "healthcheck" in database
assert all(port.startswith("127.0.0.1:") for port in server["ports"]), "only a proxy on this machine may reach the server"
named = {mount.split(":")[0] for service in (server, database) for mount in service["volumes"]}
assert named == set(compose["volumes"]), "every volume is declared and used"
for name, value in {**server["environment"], **database["environment"]}.items():
    assert not ("PASSWORD" in name or "KEY" in name or "URL" == name[-3:] and "postgres" in value) or "${" in value, f"{name} holds a secret"
print("compose.yaml", *server["environment"])

render = yaml.safe_load(open(deploy + "/render.yaml"))
(web,) = render["services"]
names = {entry["key"]: entry for entry in web["envVars"]}
assert web["type"] == "web" and web["runtime"] == "docker" and web["healthCheckPath"] == "/health"
assert names["DATABASE_URL"]["fromDatabase"]["name"] == render["databases"][0]["name"]
for entry in web["envVars"]:
    assert len(entry.keys() & {"value", "sync", "generateValue", "fromDatabase"}) == 1, entry
    assert isinstance(entry.get("value", ""), str), f"{entry['key']}: Render wants texts"
print("render.yaml", *names)

app = json.load(open(deploy + "/app.json"))
assert app["formation"]["web"] and app["buildpacks"] and app["addons"]
assert all(isinstance(entry.get("value", ""), str) for entry in app["env"].values())
print("app.json", *app["env"])

railway = json.load(open(deploy + "/railway.json"))
assert railway["build"] == {"builder": "DOCKERFILE", "dockerfilePath": "examples/deploy/Dockerfile"}
assert railway["deploy"]["healthcheckPath"] in ("/health", "/ready")
PY
    while read -r file names; do
        # shellcheck disable=SC2086 # the names are separate words
        known "$file" $names
    done <"$scratch/names"
    passed railway.json "builds our Dockerfile"
else
    missing "Python with PyYAML" "compose.yaml, render.yaml, app.json and railway.json"
fi
if docker compose version >/dev/null 2>&1; then
    POSTGRES_PASSWORD=x JWT_SECRET_KEY=x docker compose --file "$deploy/compose.yaml" config --quiet || die "compose.yaml: docker compose does not understand it"
    passed compose.yaml "understood by docker compose"
elif have docker-compose; then
    POSTGRES_PASSWORD=x JWT_SECRET_KEY=x docker-compose --file "$deploy/compose.yaml" config --quiet || die "compose.yaml: docker-compose does not understand it"
    passed compose.yaml "understood by docker-compose"
else
    echo "   skipped: compose.yaml by docker compose itself, which is not here; its shape was looked at above"
    skipped+=("docker compose")
fi

echo "== Procfile"
[[ $(grep -cE '^[a-z]+: .+' "$deploy/Procfile") = $(wc -l <"$deploy/Procfile") ]] || die "Procfile: every line is 'name: command'"
grep -q '^web: .*target/release/ticketing-http' "$deploy/Procfile" || die "Procfile: no process web runs the server"
passed Procfile "one process a line, and web is the server"

echo "== systemd"
if have systemd-analyze; then
    # The program need not be installed here for the unit to be good.
    sed 's|^ExecStart=.*|ExecStart=/bin/true|' "$deploy/ticketing.service" >"$scratch/ticketing.service"
    said=$(systemd-analyze verify "$scratch/ticketing.service" 2>&1) || die "ticketing.service: $said"
    [[ -z $said ]] || die "ticketing.service: $said"
    passed ticketing.service "verified by systemd-analyze"
    # 0 is a jail, 10 is root without a care.
    systemd-analyze security --offline=true --threshold=20 --no-pager "$scratch/ticketing.service" >"$scratch/security" 2>&1 ||
        die "ticketing.service: exposed more than 2.0: $(tail -n 1 "$scratch/security")"
    passed ticketing.service "$(tail -n 1 "$scratch/security" | grep -oE 'exposure level.*[0-9.]+')"
else
    missing systemd-analyze ticketing.service
fi

echo "== proxies"
if have nginx && have openssl; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=tickets.example.com -keyout "$scratch/privkey.pem" -out "$scratch/fullchain.pem" 2>/dev/null
    sed "s|/etc/letsencrypt/live/tickets.example.com|$scratch|" "$deploy/nginx.conf" >"$scratch/nginx.conf"
    said=$(nginx -t -q -e "$scratch/error.log" -g "pid $scratch/nginx.pid;" -c "$scratch/nginx.conf" 2>&1) || die "nginx.conf: $said"
    passed nginx.conf "tested by nginx"
else
    missing "nginx (and openssl)" nginx.conf
fi
if have caddy; then
    HOME=$scratch caddy validate --adapter caddyfile --config "$deploy/Caddyfile" >"$scratch/caddy" 2>&1 || die "Caddyfile: $(cat "$scratch/caddy")"
    caddy fmt "$deploy/Caddyfile" | diff - "$deploy/Caddyfile" >/dev/null || die "Caddyfile: caddy fmt would change it"
    passed Caddyfile "validated by caddy"
else
    missing caddy Caddyfile
fi

echo "deploy.sh: $checked checks passed${skipped[0]:+, skipped: ${skipped[*]}}"
