# A throw-away PostgreSQL cluster for a script of this folder: on the loopback interface, durable as by default.
#
#   source tests/support/postgres.sh
#   postgres_start FOLDER    makes and starts one below FOLDER; sets postgres_url (superuser, database "postgres")
#   postgres_stop FOLDER     ends it
#
# Debian's package is enough: apt-get install postgresql. As root it runs as the user "postgres".

# The newest PostgreSQL server on this machine.
postgres_bin() {
  local folder
  if folder="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)" && [ -x "$folder/initdb" ]; then
    echo "$folder"
  elif command -v initdb >/dev/null; then
    dirname "$(command -v initdb)"
  else
    echo "PostgreSQL is missing: install the Debian package postgresql" >&2
    return 1
  fi
}

# PostgreSQL refuses to run as root.
postgres_run() {
  local program
  program="$(postgres_bin)/$1" || return 1
  shift
  if [ "$(id -u)" -eq 0 ]; then
    (cd / && runuser -u postgres -- "$program" "$@")
  else
    "$program" "$@"
  fi
}

postgres_start() {
  local data="$1/postgres" port attempt
  postgres_bin >/dev/null || return 1
  mkdir "$data"
  if [ "$(id -u)" -eq 0 ]; then
    chmod 711 "$1"
    chown postgres "$data"
  fi
  postgres_run initdb --pgdata "$data/cluster" --username postgres --auth trust --encoding UTF8 --locale C >/dev/null
  for attempt in 1 2 3 4 5; do
    port=$((10000 + RANDOM % 20000))
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      continue
    fi
    if postgres_run pg_ctl start --wait --silent --pgdata "$data/cluster" --log "$data/log" \
      --options "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$data -c max_connections=400"; then
      # Read by the script that sourced this one.
      # shellcheck disable=SC2034
      postgres_url="postgres://postgres@127.0.0.1:$port/postgres"
      return 0
    fi
  done
  tail -n 20 "$data/log" >&2
  return 1
}

postgres_stop() {
  [ -d "$1/postgres/cluster" ] || return 0
  postgres_run pg_ctl stop --mode fast --silent --pgdata "$1/postgres/cluster" || true
}
