#!/usr/bin/env bash
# What our own API does: aliases made in a second over 50 connections, and a page of 100 of 1,000,000 aliases at a random
# place over one connection, on SQLite and on PostgreSQL. Fails when fewer than 2,000 are made in a second, or the median
# page takes 5 ms or more.
#   tests/bench/api.sh [--quick] [--no-postgres] [--binary FILE]
# Needs python3, the Debian package wrk and, for the PostgreSQL rows, the Debian package postgresql. Honours
# CARGO_TARGET_DIR.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v wrk >/dev/null || { echo "wrk is missing: install the Debian package wrk" >&2; exit 1; }
case " $* " in
  *" --binary "*) exec python3 tests/bench/api.py "$@" ;;
esac
cargo build --release --quiet
exec python3 tests/bench/api.py --binary "${CARGO_TARGET_DIR:-target}/release/postern" "$@"
