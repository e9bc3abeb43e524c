#!/bin/sh
# Takes the pictures of the README from the running program: starts `postern try`, plays the story through the page's own
# buttons, and photographs the page in light and dark, wide and narrow.
# Needs chromium and curl. Usage: docs/screenshots/take.sh [POSTERN-BINARY]
set -eu
cd "$(dirname "$0")/../.."
postern=${1:-target/release/postern}
port=${PORT:-8192}
page=http://127.0.0.1:$port
work=$(mktemp -d)
"$postern" try --no-browser --http-port "$port" > "$work/out" 2>&1 &
program=$!
trap 'kill "$program" 2>/dev/null || true; rm -rf "$work"' EXIT

tries=0
until curl -fsS -o /dev/null "$page/" 2>/dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ]; then cat "$work/out" >&2; exit 1; fi
  sleep 0.1
done

press() { curl -fsS -o /dev/null -X POST "$page/$1"; }

picture() { # NAME WIDTH HEIGHT SCHEME (0 dark, 1 light)
  chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/profile" \
    --blink-settings="preferredColorScheme=$4" --window-size="$2,$3" \
    --screenshot="$PWD/docs/screenshots/$1.png" "$page/" > "$work/chromium" 2>&1 || { cat "$work/chromium" >&2; exit 1; }
}

press send/lumen-phones.example
press send/bookworm.example
press answer/2
press forge/bookworm.example
press kill/lumen-phones.example
press send/lumen-phones.example
press send/bookworm.example

picture try-light 1280 1500 1
picture try-dark 1280 1500 0
picture try-light-narrow 390 1900 1
picture try-dark-narrow 390 1900 0
