#!/usr/bin/env bash
# Proves that ticketing-core's features are what they say: nothing is pulled in by the bare core that a feature names, and every
# feature compiles without the others, without a warning.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What a bare core must not know: databases, HTTP, mail, cryptography for accounts and TLS, images.
heavy=(sqlx sqlx-core sqlx-sqlite sqlx-postgres libsqlite3-sys reqwest hyper lettre argon2 jsonwebtoken qrcode crc32fast rustls ring)

die() {
    echo "features.sh: $*" >&2
    exit 1
}

# The names of all packages that the core pulls in with these cargo options, one a line.
packages() {
    cargo tree --locked -p ticketing-core -e normal --prefix none --format '{p}' "$@" | cut -d' ' -f1 | sort -u
}

pulls() {
    grep -qx "$1" <<<"$2"
}

echo "== what the bare core pulls in"
for features in "" testing; do
    found=$(packages --no-default-features --features "$features")
    for package in "${heavy[@]}"; do
        if pulls "$package" "$found"; then
            die "the core with features '$features' pulls in $package: cargo tree -p ticketing-core --no-default-features" \
                "--features '$features' -e normal -i $package shows by which way"
        fi
    done
    echo "   features '$features': $(wc -l <<<"$found") packages, none of ${heavy[*]}"
done

echo "== the same look finds each of them where its feature is on"
found=$(packages --all-features)
for package in "${heavy[@]}"; do
    pulls "$package" "$found" || die "$package is not found with all features: its name has changed, so the look above proves nothing"
done
while read -r feature package; do
    pulls "$package" "$(packages --no-default-features --features "$feature")" || die "feature $feature does not pull in $package"
done <<'PAIRS'
sqlite sqlx-sqlite
postgres sqlx-postgres
paystack reqwest
smtp lettre
accounts argon2
accounts jsonwebtoken
qr qrcode
PAIRS
echo "   all found"

echo "== every feature by itself"
# Together, they are in the other steps: all of them, those of the server as shipped, and those of the Python module.
sets=(accounts csv metrics paystack qr smtp sqlite postgres)
for features in "${sets[@]}"; do
    echo "-- $features"
    cargo clippy --quiet --locked -p ticketing-core --lib --no-default-features --features "$features" -- -D warnings ||
        die "ticketing-core does not pass with feature '$features' alone"
done
# With its tests, where the rest is left out: with nothing, and with what the simulation is built with.
for features in "" testing; do
    echo "-- '$features', with tests"
    cargo clippy --quiet --locked -p ticketing-core --all-targets --no-default-features --features "$features" -- -D warnings ||
        die "ticketing-core and its tests do not pass with features '$features' alone"
done
echo "features.sh: each feature passed by itself"
