#!/usr/bin/env bash
# Relays the same mail through a tuned Postfix and through Postern, pair by pair, over loopback, and prints ratios.
#   tests/bench/relay.sh [--quick] [--rounds N] [--no-postgres]
# Needs root (Postfix does), Debian packages postfix and python3, and for the PostgreSQL rows postgresql.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v smtp-source >/dev/null; then
  [ "$(id -u)" = 0 ] || { echo "relay.sh: install the Debian package postfix first (smtp-source, smtp-sink)" >&2; exit 1; }
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postfix
fi
cargo build --release --quiet
exec python3 tests/bench/relay.py "${CARGO_TARGET_DIR:-target}/release/postern" "$@"
