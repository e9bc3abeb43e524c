#!/usr/bin/env bash
# Asks a running instance everything that its OpenAPI document allows and much that it does not, with schemathesis: fails on
# an answer of 5xx, on one the document does not have, and on a request that should have been refused.
#
#   tests/support/schemathesis.sh [BINARY]      default target/debug/postern
#   EXAMPLES=20 tests/support/schemathesis.sh   requests for each operation and kind of data, default 15
#
# Needs python3 with venv; schemathesis is fetched into a temporary folder with pip. The instance has an empty DNS zone and
# a smarthost that nobody listens at: nothing leaves the machine. Its user has no password, so nothing proves who is there:
# no account ends, their own or another's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

binary="$(realpath "${1:-target/debug/postern}")"
[ -x "$binary" ] || { echo "missing: $binary (cargo build)" >&2; exit 1; }
command -v python3 >/dev/null || { echo "missing: python3" >&2; exit 1; }

scratch="$(mktemp -d "${TMPDIR:-/tmp}/postern-schemathesis.XXXXXX")"
instance=""
finish() {
  if [ -n "$instance" ]; then
    kill "$instance" 2>/dev/null || true
    wait "$instance" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap finish EXIT

python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5 >"$scratch/pip.log" 2>&1 || {
  tail -n 20 "$scratch/pip.log" >&2
  exit 1
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
http="$(free_port)"
: >"$scratch/empty.zone"
cat >"$scratch/postern.toml" <<TOML
[instance]
hostname = "gate.you.example"
domains = ["you.example"]
data_dir = "$scratch"
public_url = "http://127.0.0.1:$http"
[database]
url = "sqlite:$scratch/postern.db"
[smtp]
listen = ["127.0.0.1:$(free_port)"]
min_free_space = 0
[http]
listen = "127.0.0.1:$http"
[outbound]
mode = "smarthost"
smarthost = "smtp://127.0.0.1:$(free_port)"
[dns]
zone_file = "$scratch/empty.zone"
[dkim]
algorithms = ["ed25519"]
[log]
level = "warn"
TOML
postern() { "$binary" --config "$scratch/postern.toml" "$@"; }
postern user add jane@inbox.example --verified --admin >/dev/null
postern alias new lg.com --note television >/dev/null
token="$(postern token new --name schemathesis --scope write --scope account --scope admin | grep -o 'addy_io_[A-Za-z0-9]*')"
# Not by the function: its shell would be ended, not the instance.
"$binary" --config "$scratch/postern.toml" serve >"$scratch/log" 2>&1 &
instance=$!

# Which data is good is known better than the document can say (a site, a domain, a mailbox of one's own): that good data is
# taken is tested elsewhere. The others are what this is for.
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks=$checks,response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,ignored_auth
if ! "$scratch/venv/bin/schemathesis" run "http://127.0.0.1:$http/openapi.json" \
  --header "Authorization: Bearer $token" --checks "$checks" --phases examples,coverage,fuzzing \
  --max-examples "${EXAMPLES:-15}" --wait-for-schema 30 --request-timeout 60 --suppress-health-check all --no-color \
  --warnings off --seed "${SEED:-1}" ${ARGUMENTS:-}; then
  echo "what the instance wrote:" >&2
  tail -n 20 "$scratch/log" >&2
  exit 1
fi
