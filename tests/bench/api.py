"""Benchmark driver behind api.sh: aliases made in a second, and pages of a list of a million.

The database is filled with plain SQL; wrk asks. Creation comes first, then the pages, so that the list has what was made as
well. An answer that is not 2xx makes the run worthless and fails it.
"""

import argparse
import base64
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(__file__))
from measure import free_port  # noqa: E402
from relay import start_postgres, stop_postgres  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
MANY, FEW = 1_000_000, 5_000
CREATES_PER_SECOND, PAGE_MS = 2_000, 5.0
CONNECTIONS = 50


class Instance:
    def __init__(self, folder, binary, aliases, database=None):
        self.folder = tempfile.mkdtemp(prefix="instance-", dir=folder)
        self.port, self.aliases, self.database = free_port(), aliases, database
        config = os.path.join(self.folder, "postern.toml")
        with open(config, "w") as f:
            f.write(f"""
[instance]
hostname = "api.bench.example"
domains = ["bench.example"]
data_dir = "{self.folder}"
[database]
url = "{database or 'sqlite:postern.db'}"
[smtp]
listen = ["127.0.0.1:{free_port()}"]
min_free_space = 0
[http]
listen = "127.0.0.1:{self.port}"
[outbound]
mode = "smarthost"
smarthost = "smtp://127.0.0.1:{free_port()}"
[log]
level = "warn"
""")
        run = lambda *args: subprocess.run([binary, "--config", config, *args], check=True, stdout=subprocess.PIPE, text=True).stdout
        run("user", "add", "inbox@mailbox.example", "--verified")
        run("alias", "new", "shop.example", "--name", "first.k7f3qz2m")
        self.token = next(word for word in run("token", "new", "--name", "bench").split() if word.startswith("addy_io_"))
        self.fill()
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.process = subprocess.Popen([binary, "--config", config, "serve"], stdout=self.log, stderr=self.log)
        self.wait()

    def fill(self):
        """The other aliases: copies of the first row under other names."""
        uuid, numbers, head = (
            ("gen_random_uuid()", f"generate_series(1, {self.aliases - 1}) n", "")
            if self.database
            else ("randomblob(16)", "n", f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {self.aliases - 1})")
        )
        statements = [
            f"""{head} INSERT INTO aliases (uuid, user_id, domain_id, address, site, state, note, messages_used, created_at, state_changed_at)
            SELECT {uuid}, a.user_id, a.domain_id, 'site' || n || '.abcdefgh@bench.example', 'site' || n || '.example', a.state,
            'a note', 0, 0, 0 FROM aliases a, {numbers} WHERE a.address = 'first.k7f3qz2m@bench.example'""",
            """INSERT INTO alias_mailboxes (alias_id, mailbox_id)
            SELECT a.id, m.id FROM aliases a, mailboxes m WHERE a.address LIKE 'site%'""",
            """INSERT INTO activity (alias_id, day, forwarded, blocked, refused, failed, cancelled, replied, unproven, quoted)
            SELECT a.id, 20000, 3, 0, 0, 0, 0, 0, 0, 0 FROM aliases a WHERE a.address LIKE 'site%'""",
        ]
        ids = "SELECT MIN(id), MAX(id) FROM aliases"
        if self.database:
            for statement in statements + ["VACUUM ANALYZE"]:
                subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", self.database, "-c", statement], check=True)
            out = subprocess.run(["psql", "-qAt", self.database, "-c", ids], check=True, stdout=subprocess.PIPE, text=True).stdout
            self.ids = tuple(int(number) for number in out.strip().split("|"))
        else:
            db = sqlite3.connect(os.path.join(self.folder, "postern.db"))
            with db:
                for statement in statements:
                    db.execute(statement)
            self.ids = db.execute(ids).fetchone()
            db.close()

    def wait(self):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise SystemExit(f"the instance is not ready; see {self.folder}/log")

    def wrk(self, connections, seconds, paths=None):
        """Requests a second, p50 and p99 in milliseconds."""
        environment = dict(os.environ, TOKEN=self.token)
        if paths:
            environment["PATHS"] = paths
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "-s", os.path.join(HERE, "api.lua")]
        out = subprocess.run([*command, f"http://127.0.0.1:{self.port}"], check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
        result = next((line for line in out.splitlines() if line.startswith("RESULT ")), None)
        if result is None:
            raise SystemExit(f"wrk gave no result:\n{out}")
        requests, micros, p50, p99, errors = (float(number) for number in result.split()[1:])
        if errors or not requests:
            raise SystemExit(f"{errors:.0f} of {requests:.0f} requests failed:\n{out}")
        return requests / (micros / 1e6), p50 / 1e3, p99 / 1e3

    def paths(self):
        """Pages at random places: a cursor says after which key a page begins (newest first)."""
        dice = random.Random(1)
        first, last = self.ids
        name = os.path.join(self.folder, "paths")
        with open(name, "w") as f:
            for _ in range(10_000):
                place = b"n\0" + dice.randint(first + 100, last).to_bytes(8, "big")
                f.write(f"/v1/aliases?limit=100&cursor={base64.urlsafe_b64encode(place).decode().rstrip('=')}\n")
        return name

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


def measure(driver, instance, seconds):
    instance.wrk(CONNECTIONS, max(1, seconds // 5))
    made, p50, p99 = instance.wrk(CONNECTIONS, seconds)
    ratio = made / CREATES_PER_SECOND
    print(f"{driver:<10} made      {made:8.0f} /s   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   {ratio:5.2f} x the target", flush=True)
    paths = instance.paths()
    instance.wrk(1, max(1, seconds // 5), paths)
    pages, page50, page99 = instance.wrk(1, seconds, paths)
    share = PAGE_MS / page50
    print(f"{driver:<10} page of 100 {pages:6.0f} /s   p50 {page50:7.2f} ms   p99 {page99:7.2f} ms   {share:5.2f} x the target", flush=True)
    return ratio >= 1 and page50 < PAGE_MS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--quick", action="store_true", help="few rows and seconds, to see that it works; misses no target")
    parser.add_argument("--no-postgres", action="store_true")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="postern-bench-")
    binary = os.path.abspath(options.binary)
    aliases, seconds = (FEW, 2) if options.quick else (MANY, 20)
    drivers = ["sqlite"] if options.no_postgres else ["sqlite", "postgres"]
    good = True
    print(f"{aliases} aliases of one user; {CONNECTIONS} connections make aliases, one reads pages", flush=True)
    try:
        for driver in drivers:
            cluster, database = None, None
            if driver == "postgres":
                os.chmod(folder, 0o755)
                cluster, database = start_postgres(folder)
            instance = Instance(folder, binary, aliases, database)
            try:
                good = measure(driver, instance, seconds) and good
            finally:
                instance.stop()
                if cluster:
                    stop_postgres(cluster)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not good and not options.quick:
        raise SystemExit("a target was missed")


if __name__ == "__main__":
    main()
