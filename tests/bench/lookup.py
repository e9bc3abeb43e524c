"""Benchmark driver behind lookup.sh: the cost of RCPT with few and with many aliases.

One connection. "pipelined": groups of one MAIL, 50 RCPT to random existing aliases, and one RSET are sent at once;
"one by one" waits for each answer. Both databases are filled with plain SQL, then both are open at the same time and take turns,
group by group, so that whatever else the machine does falls on both alike; the medians over all turns are compared.
"""

import argparse
import os
import random
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from measure import free_port, wait_port  # noqa: E402
from relay import start_postgres, stop_postgres  # noqa: E402

FEW, MANY = 1_000, 1_000_000
GROUP = 50
LIMIT = 1.5


class Instance:
    def __init__(self, folder, binary, aliases, database=None):
        self.folder = tempfile.mkdtemp(prefix="instance-", dir=folder)
        self.port, self.aliases, self.database = free_port(), aliases, database
        config = os.path.join(self.folder, "postern.toml")
        with open(config, "w") as f:
            f.write(f"""
[instance]
hostname = "relay.bench.example"
domains = ["bench.example"]
data_dir = "{self.folder}"
[database]
url = "{database or 'sqlite:postern.db'}"
[smtp]
listen = ["127.0.0.1:{self.port}"]
trusted_networks = ["127.0.0.0/8"]
max_messages = 100000000
min_free_space = 0
[http]
listen = "127.0.0.1:{free_port()}"
[outbound]
mode = "smarthost"
smarthost = "smtp://127.0.0.1:{free_port()}"
[sender_auth]
dmarc = "off"
[log]
level = "warn"
""")
        run = lambda *args: subprocess.run([binary, "--config", config, *args], check=True, stdout=subprocess.DEVNULL)
        run("user", "add", "inbox@mailbox.example", "--verified")
        run("alias", "new", "shop.example", "--name", "first.k7f3qz2m")
        self.fill()
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.process = subprocess.Popen([binary, "--config", config, "serve"], stdout=self.log, stderr=self.log)
        wait_port(self.port)
        self.socket = socket.create_connection(("127.0.0.1", self.port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb")
        self.answer(b"220")
        self.send(b"EHLO bench.example\r\n")
        while self.input.readline()[3:4] == b"-":
            pass

    def fill(self):
        """The other aliases: copies of the first row under other names."""
        uuid, numbers, head = (
            ("gen_random_uuid()", f"generate_series(1, {self.aliases - 1}) n", "")
            if self.database
            else ("randomblob(16)", "n", f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {self.aliases - 1})")
        )
        statements = [
            f"""{head} INSERT INTO aliases (uuid, user_id, domain_id, address, state, note, messages_used, created_at, state_changed_at)
            SELECT {uuid}, a.user_id, a.domain_id, 'site' || n || '.abcdefgh@bench.example', a.state, '', 0, 0, 0
            FROM aliases a, {numbers} WHERE a.address = 'first.k7f3qz2m@bench.example'""",
            """INSERT INTO alias_mailboxes (alias_id, mailbox_id)
            SELECT a.id, m.id FROM aliases a, mailboxes m WHERE a.address <> 'first.k7f3qz2m@bench.example'""",
        ]
        if self.database:
            for statement in statements + ["VACUUM ANALYZE"]:
                subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", self.database, "-c", statement], check=True)
        else:
            db = sqlite3.connect(os.path.join(self.folder, "postern.db"))
            with db:
                for statement in statements:
                    db.execute(statement)
            db.close()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self, code):
        line = self.input.readline()
        if not line.startswith(code):
            raise SystemExit(f"expected {code!r}, got {line!r}")

    def group(self, dice, pipelined):
        """One transaction's worth of look-ups; seconds for each RCPT."""
        numbers = [dice.randrange(1, self.aliases) for _ in range(GROUP)]
        rcpts = [b"RCPT TO:<site%d.abcdefgh@bench.example>\r\n" % n for n in numbers]
        begun = time.perf_counter()
        if pipelined:
            self.send(b"MAIL FROM:<news@shop.example>\r\n" + b"".join(rcpts) + b"RSET\r\n")
            for _ in range(GROUP + 2):
                self.answer(b"250")
        else:
            for line in [b"MAIL FROM:<news@shop.example>\r\n", *rcpts, b"RSET\r\n"]:
                self.send(line)
                self.answer(b"250")
        return (time.perf_counter() - begun) / GROUP

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


def compare(driver, few, many, groups):
    worst = 0
    dice = random.Random(1)
    for name, pipelined in (("pipelined", True), ("one by one", False)):
        times = {few: [], many: []}
        for turn in range(groups + groups // 5):
            for instance in (few, many) if turn % 2 else (many, few):
                seconds = instance.group(dice, pipelined)
                # The first fifth warms up.
                if turn >= groups // 5:
                    times[instance].append(seconds)
        a, b = (1e6 * statistics.median(times[instance]) for instance in (few, many))
        worst = max(worst, b / a)
        print(f"{driver:12} {name:12} {a:12.1f} {b:12.1f} {b / a:8.2f}", flush=True)
    return worst


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--quick", action="store_true", help="fewer look-ups")
    parser.add_argument("--no-postgres", action="store_true")
    args = parser.parse_args()
    groups = 200 if args.quick else 2_000
    folder = tempfile.mkdtemp(prefix="postern-lookup-")
    os.chmod(folder, 0o755)
    cluster, running, worst = None, [], 0
    try:
        print(f"{os.cpu_count()} cores; {groups} x {GROUP} look-ups of random aliases each; microseconds per RCPT, medians")
        print(f"{'driver':12} {'commands':12} {FEW:12,} {MANY:12,} {'ratio':>8}")
        drivers = ["SQLite"] if args.no_postgres else ["SQLite", "PostgreSQL"]
        for driver in drivers:
            databases = [None, None]
            if driver == "PostgreSQL":
                cluster, url = start_postgres(folder)
                databases = [url, url.rsplit("/", 1)[0] + "/postern_many"]
                subprocess.run(["psql", "-q", url, "-c", "CREATE DATABASE postern_many"], check=True)
            running = [Instance(folder, args.binary, n, url) for n, url in zip((FEW, MANY), databases)]
            worst = max(worst, compare(driver, *running, groups))
            for instance in running:
                instance.stop()
            running = []
    finally:
        for instance in running:
            instance.stop()
        if cluster:
            stop_postgres(cluster)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"a thousand times the aliases costs {worst:.2f} times as much at the most; allowed is less than {LIMIT}")
    return 0 if worst < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
