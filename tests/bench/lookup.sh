#!/usr/bin/env bash
# What looking up an alias at RCPT costs with 1,000 and with 1,000,000 aliases, through the real socket, on SQLite and on
# PostgreSQL. Prints the ratio of the two; fails when it is 1.5 or more.
#   tests/bench/lookup.sh [--quick] [--no-postgres]
# Needs python3 and, for the PostgreSQL rows, the Debian package postgresql. Honours CARGO_TARGET_DIR.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --quiet
exec python3 tests/bench/lookup.py "${CARGO_TARGET_DIR:-target}/release/postern" "$@"
