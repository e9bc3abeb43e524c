"""Benchmark driver behind relay.sh: starts each relay fresh, drives it with smtp-source, counts at smtp-sink.

Each relay has 100,000 aliases; Postfix is restarted for every run. How a run is measured: measure.py.
"""

import argparse
import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile

from measure import HEADING, counts, free_port, pss_mb, report, run, smtp_source
from relays import ALIAS, ALIASES, NO_SIGNING, SENDER, Postern, Postfix


def send(relay, size, sessions, count, keep):
    more = ["-l", str(size), "-f", SENDER, "-t", ALIAS] + (["-d"] if keep else [])
    return subprocess.run(smtp_source(relay, sessions, count, *more), timeout=600).returncode == 0


def idle(relay, count):
    """Memory with `count` sessions open that said EHLO and wait."""
    relay.start()
    before = pss_mb(relay.pids)
    open_sockets = []
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", relay.port), 10)
        s.settimeout(20)
        s.recv(512)
        s.sendall(b"EHLO idle.example\r\n")
        s.recv(1024)
        open_sockets.append(s)
    after = pss_mb(relay.pids)
    for s in open_sockets:
        s.close()
    relay.stop()
    return before, after


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--quick", action="store_true", help="one round, fewer messages")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-postgres", action="store_true")
    parser.add_argument("--postgres", help="URL of an empty database to use instead of a throw-away cluster")
    args = parser.parse_args()
    rounds = 1 if args.quick else args.rounds
    count = 5_000 if args.quick else 20_000
    folder = tempfile.mkdtemp(prefix="postern-bench-")
    os.chmod(folder, 0o755)
    cluster = None
    try:
        sink = free_port()
        relays = [Postfix(folder, free_port(), sink), Postern(folder, free_port(), sink, args.binary, sections=NO_SIGNING)]
        relays.append(Postern(folder, free_port(), sink, args.binary, "postern, signing"))
        if not args.no_postgres:
            url = args.postgres
            if not url:
                cluster, url = start_postgres(folder)
            relays.append(Postern(folder, free_port(), sink, args.binary, "postern (PostgreSQL)", url, sections=NO_SIGNING))
        print(f"{os.cpu_count()} cores, {ALIASES:,} aliases, {rounds} round(s), medians; ratio is to Postfix in the same run")
        print(HEADING)
        plan = [("direct", 4096, s, False, count) for s in (1, 10, 50)]
        plan += [("direct", 65536, s, False, count // 4) for s in (1, 10, 50)]
        plan += [("direct-d", 4096, 10, False, count)]
        plan += [("durable", 4096, 10, True, count // 2), ("durable", 65536, 10, True, count // 10)]
        for path, size, sessions, durable, messages in plan:
            results = {relay.name: [] for relay in relays}
            for _ in range(rounds):
                for relay in relays:
                    n = messages if sessions > 1 else messages // 4
                    result = run(relay, sink, lambda: send(relay, size, sessions, n, keep=path.endswith("-d")), n, durable)
                    if counts(path, size, sessions, relay, result):
                        results[relay.name].append(result)
            report(path, size, sessions, relays, results)
        count_idle = 500 if args.quick else 5_000
        before, after = idle(relays[1], count_idle)
        print(f"idle: {count_idle} open sessions take {after - before:.1f} MB ({1024 * (after - before) / count_idle:.1f} KiB each; {before:.1f} MB before)")
    finally:
        for relay in locals().get("relays", []):
            if getattr(relay, "process", None) and relay.process.poll() is None:
                relay.process.kill()
        if cluster:
            stop_postgres(cluster)
        shutil.rmtree(folder, ignore_errors=True)


def start_postgres(folder):
    binaries = max(glob.glob("/usr/lib/postgresql/*/bin"))
    data, port = os.path.join(folder, "pg"), free_port()
    os.makedirs(data)
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(data, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run(as_user + [f"{binaries}/initdb", "-D", data, "-A", "trust"], **quiet)
    subprocess.run(as_user + [f"{binaries}/pg_ctl", "-D", data, "-w", "-l", f"{data}/log", "-o", f"-p {port} -k {data} -h 127.0.0.1", "start"], **quiet)
    subprocess.run(["psql", "-q", f"postgres://postgres@127.0.0.1:{port}/postgres", "-c", "CREATE DATABASE postern"], check=True)
    return (as_user, binaries, data), f"postgres://postgres@127.0.0.1:{port}/postern"


def stop_postgres(cluster):
    as_user, binaries, data = cluster
    subprocess.run(as_user + [f"{binaries}/pg_ctl", "-D", data, "-m", "fast", "stop"], stdout=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    sys.exit(main())
