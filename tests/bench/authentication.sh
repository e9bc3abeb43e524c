#!/usr/bin/env bash
# Relays signed mail through Postfix with OpenDKIM and OpenDMARC and through Postern, both checking SPF, DKIM and DMARC and
# signing with RSA-2048, pair by pair over loopback; prints ratios, and fails under 3 times at 10 sessions.
#   tests/bench/authentication.sh [--rounds N] [--messages N]
# Needs root: Postfix does, and the resolver's settings and the loopback interface are changed, in namespaces of their own.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "authentication.sh: must be root" >&2; exit 1; }
missing=()
for package in postfix opendkim opendmarc nsd python3-dkim openssl publicsuffix iproute2; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  # None of their services is wanted: each is started here with settings of its own.
  policy=/usr/sbin/policy-rc.d
  made=
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; made=yes; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" || installed=no
  [ -z "$made" ] || rm "$policy"
  [ "${installed:-yes}" = yes ] || exit 1
fi
cargo build --release --quiet
# The process namespace takes every daemon with it, however this ends. Debian's Python, which has the module dkim.
exec unshare --mount --net --pid --fork --kill-child --mount-proc /usr/bin/python3 tests/bench/authentication.py "${CARGO_TARGET_DIR:-target}/release/postern" "$@"
