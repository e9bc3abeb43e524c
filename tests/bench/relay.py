"""Benchmark driver behind relay.sh: starts each relay fresh, drives it with smtp-source, counts at smtp-sink.

A run counts only if the source exited 0 and the sink got every message. Each relay has 100,000 aliases. Memory is PSS
(shared pages counted once), summed over all processes of a relay, the highest of samples taken twice a second. CPU is
user plus system time of all its processes, finished children included. Postfix is restarted for every run.
"""

import argparse
import glob
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ALIASES = 100_000
ALIAS = "shop.k7f3qz2m@bench.example"
MAILBOX = "inbox@mailbox.example"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, seconds=20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.settimeout(5)
                if s.recv(3) == b"220":
                    return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing answers on port {port}")


def children(pid):
    found = [pid]
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found += children(int(entry))
    return found


def cpu_seconds(pid):
    total = 0
    for p in children(pid):
        try:
            with open(f"/proc/{p}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        # user, system; and of finished children
        total += sum(int(x) for x in fields[11:15])
    return total / TICKS


def pss_mb(pid):
    total = 0
    for p in children(pid):
        try:
            with open(f"/proc/{p}/smaps_rollup") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except (OSError, StopIteration):
            pass
    return total / 1024


class Sampler(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.stop = pid, pss_mb(pid), threading.Event()

    def run(self):
        while not self.stop.wait(0.5):
            self.peak = max(self.peak, pss_mb(self.pid))


class Postfix:
    name = "postfix"

    def __init__(self, folder, port, sink):
        self.folder = os.path.join(folder, "postfix")
        config, queue, data = (os.path.join(self.folder, x) for x in ("etc", "queue", "data"))
        for path in (config, queue, data):
            os.makedirs(path)
        os.chmod(folder, 0o755)
        shutil.chown(data, "postfix")
        self.config = config
        aliases = os.path.join(config, "virtual")
        with open(aliases, "w") as f:
            f.write(f"{ALIAS} {MAILBOX}\n")
            for i in range(ALIASES):
                f.write(f"site{i}.abcdefgh@bench.example {MAILBOX}\n")
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": queue,
            "data_directory": data,
            "maillog_file": os.path.join(self.folder, "mail.log"),
            "maillog_file_prefixes": self.folder,
            "myhostname": "relay.bench.example",
            "mydestination": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "relayhost": f"[127.0.0.1]:{sink}",
            "virtual_alias_domains": "bench.example",
            "virtual_alias_maps": f"hash:{aliases}",
            "local_recipient_maps": "",
            "mynetworks": "127.0.0.0/8",
            # Tuning (see docs/benchmarks.md).
            "in_flow_delay": "0",
            "default_process_limit": "100",
            "smtp_destination_concurrency_limit": "10",
            "initial_destination_concurrency": "10",
            "smtp_connection_cache_destinations": "127.0.0.1",
            "smtp_connection_reuse_count_limit": "1000",
            "max_use": "10000",
            "disable_dns_lookups": "yes",
            "smtpd_peername_lookup": "no",
            "smtpd_client_connection_count_limit": "0",
            "qmgr_message_active_limit": "50000",
            "qmgr_message_recipient_limit": "50000",
            "smtp_tls_security_level": "none",
        }
        with open(os.path.join(config, "main.cf"), "w") as f:
            f.writelines(f"{k} = {v}\n" for k, v in settings.items())
        with open("/usr/share/postfix/master.cf.dist") as f:
            lines = f.read().splitlines()
        with open(os.path.join(config, "master.cf"), "w") as f:
            for line in lines:
                if line.startswith("smtp      inet"):
                    line = f"127.0.0.1:{port} inet n - n - 60 smtpd"
                elif line and not line.startswith(("#", " ", "\t")):
                    parts = line.split()
                    if len(parts) > 4 and parts[4] == "y":
                        parts[4] = "n"  # no chroot: the folder has no copies of system files
                    line = " ".join(parts)
                f.write(line + "\n")
            f.write("postlog unix-dgram n - n - 1 postlogd\n")
        subprocess.run(["postmap", "-c", config, f"hash:{aliases}"], check=True)
        self.port = port

    def start(self):
        subprocess.run(["postfix", "-c", self.config, "start"], check=True, stderr=subprocess.DEVNULL)
        wait_port(self.port)
        with open(os.path.join(self.folder, "queue", "pid", "master.pid")) as f:
            self.pid = int(f.read())

    def stop(self):
        subprocess.run(["postfix", "-c", self.config, "stop"], check=True, stderr=subprocess.DEVNULL)
        for name in ("incoming", "active", "deferred", "defer", "bounce", "maildrop"):
            for root, _, files in os.walk(os.path.join(self.folder, "queue", name)):
                for file in files:
                    os.unlink(os.path.join(root, file))


class Postern:
    def __init__(self, folder, port, sink, binary, database=None, sign=False):
        self.name = "postern (PostgreSQL)" if database else "postern, signing" if sign else "postern"
        self.database = database
        self.folder = os.path.join(folder, self.name.replace(" ", "-"))
        os.makedirs(self.folder)
        self.binary, self.port, self.http = binary, port, free_port()
        self.config = os.path.join(self.folder, "postern.toml")
        url = database or "sqlite:postern.db"
        with open(self.config, "w") as f:
            f.write(f"""
[instance]
hostname = "relay.bench.example"
domains = ["bench.example"]
data_dir = "{self.folder}"
[database]
url = "{url}"
[smtp]
listen = ["127.0.0.1:{port}"]
trusted_networks = ["127.0.0.0/8"]
max_connections = 6000
min_free_space = 0
[http]
listen = "127.0.0.1:{self.http}"
[outbound]
mode = "smarthost"
smarthost = "smtp://127.0.0.1:{sink}"
[sender_auth]
dmarc = "off"
[dkim]
sign = {"true" if sign else "false"}
[log]
level = "warn"
""")
        run = lambda *args: subprocess.run([binary, "--config", self.config, *args], check=True, stdout=subprocess.DEVNULL)
        run("user", "add", MAILBOX, "--verified")
        run("alias", "new", "shop.example", "--name", ALIAS.split("@")[0])
        fill(self.folder, database)

    def start(self):
        log = open(os.path.join(self.folder, "log"), "a")
        self.process = subprocess.Popen([self.binary, "--config", self.config, "serve"], stdout=log, stderr=log)
        self.pid = self.process.pid
        wait_port(self.port)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        sql(self.folder, self.database, ["DELETE FROM deliveries", "DELETE FROM messages"])


def fill(folder, database):
    """Adds the other aliases with plain SQL: copies of the first row under other names."""
    if database:
        copy = """
            INSERT INTO aliases (uuid, user_id, domain_id, address, state, note, messages_used, created_at, state_changed_at)
            SELECT gen_random_uuid(), a.user_id, a.domain_id, 'site' || n || '.abcdefgh@bench.example', a.state, '', 0, 0, 0
            FROM aliases a, generate_series(0, %d) n WHERE a.address = '%s'""" % (ALIASES - 1, ALIAS)
    else:
        copy = """
            WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < %d)
            INSERT INTO aliases (uuid, user_id, domain_id, address, state, note, messages_used, created_at, state_changed_at)
            SELECT randomblob(16), a.user_id, a.domain_id, 'site' || n || '.abcdefgh@bench.example', a.state, '', 0, 0, 0
            FROM aliases a, n WHERE a.address = '%s'""" % (ALIASES - 1, ALIAS)
    link = """
        INSERT INTO alias_mailboxes (alias_id, mailbox_id)
        SELECT a.id, m.id FROM aliases a, mailboxes m WHERE a.address <> '%s'""" % ALIAS
    sql(folder, database, [copy, link])


def sql(folder, database, statements):
    if database:
        for statement in statements:
            subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", database, "-c", statement], check=True)
    else:
        import sqlite3
        with sqlite3.connect(os.path.join(folder, "postern.db")) as db:
            for statement in statements:
                db.execute(statement)


def run(relay, sink_port, size, sessions, count, durable=False, keep=False):
    sink_args = ["smtp-sink", "-u", "nobody", "-m", "1000"]
    sink_args += ["-r", "RCPT"] if durable else ["-M", str(count)]
    sink = subprocess.Popen(sink_args + [f"127.0.0.1:{sink_port}", "1000"], stdout=subprocess.DEVNULL)
    wait_port(sink_port)
    relay.start()
    sampler = Sampler(relay.pid)
    sampler.start()
    cpu, begun = cpu_seconds(relay.pid), time.monotonic()
    source = ["smtp-source", "-s", str(sessions), "-l", str(size), "-m", str(count), "-f", "news@shop.example", "-t", ALIAS]
    source += ["-d"] if keep else []
    done = subprocess.run(source + [f"127.0.0.1:{relay.port}"], timeout=600)
    ok = done.returncode == 0
    accepted = time.monotonic() - begun
    if not durable:
        try:
            sink.wait(300)
        except subprocess.TimeoutExpired:
            ok = False
    elapsed = accepted if durable else time.monotonic() - begun
    cpu = cpu_seconds(relay.pid) - cpu
    sampler.stop.set()
    sampler.join()
    relay.stop()
    if sink.poll() is None:
        sink.terminate()
        sink.wait()
    return {"ok": ok, "rate": count / elapsed, "cpu": 1000 * cpu / count, "pss": sampler.peak}


def idle(relay, count):
    """Memory with `count` sessions open that said EHLO and wait."""
    relay.start()
    before = pss_mb(relay.pid)
    open_sockets = []
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", relay.port), 10)
        s.settimeout(20)
        s.recv(512)
        s.sendall(b"EHLO idle.example\r\n")
        s.recv(1024)
        open_sockets.append(s)
    after = pss_mb(relay.pid)
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
        relays = [Postfix(folder, free_port(), sink), Postern(folder, free_port(), sink, args.binary)]
        relays.append(Postern(folder, free_port(), sink, args.binary, sign=True))
        if not args.no_postgres:
            url = args.postgres
            if not url:
                cluster, url = start_postgres(folder)
            relays.append(Postern(folder, free_port(), sink, args.binary, url))
        print(f"{os.cpu_count()} cores, {ALIASES:,} aliases, {rounds} round(s), medians; ratio is to Postfix in the same run")
        print(f"{'path':8} {'size':>6} {'sess':>5} {'relay':22} {'msg/s':>8} {'ratio':>6} {'CPU ms':>7} {'PSS MB':>7} {'ratio':>6}")
        plan = [("direct", 4096, s, False, count) for s in (1, 10, 50)]
        plan += [("direct", 65536, s, False, count // 4) for s in (1, 10, 50)]
        plan += [("direct-d", 4096, 10, False, count)]
        plan += [("durable", 4096, 10, True, count // 2), ("durable", 65536, 10, True, count // 10)]
        for path, size, sessions, durable, messages in plan:
            results = {relay.name: [] for relay in relays}
            for _ in range(rounds):
                for relay in relays:
                    n = messages if sessions > 1 else messages // 4
                    result = run(relay, sink, size, sessions, n, durable, keep=path.endswith("-d"))
                    if not result["ok"]:
                        print(f"{path:8} {size:6} {sessions:5} {relay.name:22} run does not count: not every message arrived", flush=True)
                    else:
                        results[relay.name].append(result)
            base = results["postfix"]
            for relay in relays:
                rows = results[relay.name]
                if not rows or not base:
                    continue
                middle = lambda rows, key: statistics.median(row[key] for row in rows)
                print(
                    f"{path:8} {size:6} {sessions:5} {relay.name:22} {middle(rows, 'rate'):8.0f} {middle(rows, 'rate') / middle(base, 'rate'):6.2f}"
                    f" {middle(rows, 'cpu'):7.2f} {middle(rows, 'pss'):7.1f} {middle(rows, 'pss') / middle(base, 'pss'):6.2f}",
                    flush=True,
                )
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
