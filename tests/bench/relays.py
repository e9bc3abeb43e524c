"""The relays that are compared: a tuned Postfix and Postern, each with 100,000 aliases and a folder of its own."""

import os
import shutil
import signal
import subprocess

from measure import free_port, wait_port

ALIASES = 100_000
ALIAS = "shop.k7f3qz2m@bench.example"
MAILBOX = "inbox@mailbox.example"
SENDER = "news@shop.example"
LOOPBACK = "127.0.0.1"

# Parts of Postern's settings.
TRUSTED = 'trusted_networks = ["127.0.0.0/8"]'
NO_AUTH = '[sender_auth]\ndmarc = "off"'
NO_SIGNING = "[dkim]\nsign = false"


class Postfix:
    name = "postfix"

    def __init__(self, folder, port, sink, more=None, host=LOOPBACK):
        self.folder = os.path.join(folder, self.name.replace(" ", "-"))
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
            "inet_interfaces": host,
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
            **(more or {}),
        }
        with open(os.path.join(config, "main.cf"), "w") as f:
            f.writelines(f"{k} = {v}\n" for k, v in settings.items())
        with open("/usr/share/postfix/master.cf.dist") as f:
            lines = f.read().splitlines()
        with open(os.path.join(config, "master.cf"), "w") as f:
            for line in lines:
                if line.startswith("smtp      inet"):
                    line = f"{host}:{port} inet n - n - 60 smtpd"
                elif line and not line.startswith(("#", " ", "\t")):
                    parts = line.split()
                    if len(parts) > 4 and parts[4] == "y":
                        parts[4] = "n"  # no chroot: the folder has no copies of system files
                    line = " ".join(parts)
                f.write(line + "\n")
            f.write("postlog unix-dgram n - n - 1 postlogd\n")
        subprocess.run(["postmap", "-c", config, f"hash:{aliases}"], check=True)
        self.host, self.port = host, port

    def start(self):
        subprocess.run(["postfix", "-c", self.config, "start"], check=True, stderr=subprocess.DEVNULL)
        wait_port(self.port, self.host)
        with open(os.path.join(self.folder, "queue", "pid", "master.pid")) as f:
            self.pids = [int(f.read())]

    def stop(self):
        subprocess.run(["postfix", "-c", self.config, "stop"], check=True, stderr=subprocess.DEVNULL)
        for name in ("incoming", "active", "deferred", "defer", "bounce", "maildrop"):
            for root, _, files in os.walk(os.path.join(self.folder, "queue", name)):
                for file in files:
                    os.unlink(os.path.join(root, file))


class Postern:
    def __init__(self, folder, port, sink, binary, name="postern", database=None, host=LOOPBACK, smtp=TRUSTED, auth=NO_AUTH, sections=""):
        self.name, self.database = name, database
        self.folder = os.path.join(folder, self.name.replace(" ", "-"))
        os.makedirs(self.folder)
        self.binary, self.host, self.port, self.http = binary, host, port, free_port()
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
listen = ["{host}:{port}"]
{smtp}
max_connections = 6000
min_free_space = 0
[http]
listen = "127.0.0.1:{self.http}"
[outbound]
mode = "smarthost"
smarthost = "smtp://127.0.0.1:{sink}"
{auth}
{sections}
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
        self.pids = [self.process.pid]
        wait_port(self.port, self.host)

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
