#!/usr/bin/env bash
# How long `postern import` takes for 50,000 aliases, and the export of them, on SQLite and on PostgreSQL: the whole command,
# from its start to its end. Fails when an import takes 10 s or more.
#   tests/bench/import.sh [--rows N] [--debug] [--no-postgres]
# Needs the Debian package postgresql for the second row. Honours CARGO_TARGET_DIR.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tests/support/postgres.sh
rows=50000 profile=release postgres=yes
while [ $# -gt 0 ]; do
  case "$1" in
    --rows) rows="$2"; shift ;;
    --debug) profile=debug ;;
    --no-postgres) postgres=no ;;
    *) echo "usage: $0 [--rows N] [--debug] [--no-postgres]" >&2; exit 2 ;;
  esac
  shift
done
if [ "$profile" = release ]; then cargo build --release --quiet; else cargo build --quiet; fi
postern="$(realpath "${CARGO_TARGET_DIR:-target}/$profile/postern")"
folder="$(mktemp -d)"
chmod 755 "$folder"
trap 'postgres_stop "$folder"; rm -rf "$folder"' EXIT

# As SimpleLogin writes them: half with a site in the note, every tenth off, every fifth on another domain.
awk -v rows="$rows" 'BEGIN {
  print "alias,note,enabled,mailboxes"
  for (i = 1; i <= rows; i++) {
    domain = i % 5 ? "alias.example" : "elsewhere.example"
    note = i % 2 ? "Used on shop" i ".example.com" : "\"a note, number " i "\""
    print "name" i "." (i * 7919 % 100003) "@" domain "," note "," (i % 10 ? "True" : "False") ",ann@inbox.example"
  }
}' >"$folder/aliases.csv"

seconds() {
  local began ended
  began="$(date +%s.%N)"
  "$@" >>"$folder/said" 2>&1
  ended="$(date +%s.%N)"
  awk -v a="$began" -v b="$ended" 'BEGIN { printf "%.1f", b - a }'
}

status=0
measure() {
  local name="$1" url="$2" at="$folder/$1" made again out
  mkdir "$at"
  printf '[instance]\nhostname = "mail.bench.example"\ndomains = ["alias.example"]\ndata_dir = "%s"\n[database]\nurl = "%s"\n' \
    "$at" "$url" >"$at/postern.toml"
  run=("$postern" --config "$at/postern.toml")
  "${run[@]}" user add ann@inbox.example --verified >/dev/null
  made="$(seconds "${run[@]}" import simplelogin "$folder/aliases.csv" --remap alias.example)"
  again="$(seconds "${run[@]}" import simplelogin "$folder/aliases.csv" --remap alias.example)"
  out="$(seconds "${run[@]}" export --to "$at/export.zip")"
  printf '%-12s %8s %12s %12s %12s\n' "$name" "$rows" "$made" "$again" "$out"
  if awk -v s="$made" 'BEGIN { exit !(s >= 10) }'; then status=1; fi
}

printf '%-12s %8s %12s %12s %12s\n' "" aliases "import, s" "again, s" "export, s"
measure SQLite "sqlite:$folder/SQLite/postern.db"
if [ "$postgres" = yes ]; then
  postgres_start "$folder"
  measure PostgreSQL "$postgres_url"
fi
exit "$status"
