"""Benchmark driver behind authentication.sh: relays that check SPF, DKIM and DMARC and sign what they pass on.

Wants to be root in a mount and a network namespace of its own: the resolver's settings are replaced there, because
OpenDMARC asks who they name, and the loopback interface gets addresses that don't look like our own. The messages are signed by their sender and all different within a set of files; a source sends each file many
times. Nothing here remembers a result, so that a message costs the same each time; keys and policies may be cached.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from filters import DNS, HOST, FilteredPostfix, NameServer, make_key, write
from letters import signed_files
from measure import HEADING, counts, free_port, report, run, smtp_source
from proof import prove
from relays import ALIAS, ALIASES, SENDER, Postern

SIZE = 4096
SOURCES = 5
FILES_EACH = 4
WANTED = 3.0
LIMITS = "\n".join(
    f"{name} = 1000000000"
    for name in (
        "max_messages",
        "max_connections_per_client",
        "connections_per_minute",
        "recipients_per_minute",
    )
)


class Source:
    """Several smtp-source at once, each of which sends one file after the other."""

    def __init__(self, files):
        self.files = files

    def send(self, relay, sessions, count):
        each = count // (SOURCES * FILES_EACH)

        def work(number):
            for path in self.files[number::SOURCES]:
                more = ["-F", path, "-f", SENDER, "-t", ALIAS, "-M", "client.shop.example"]
                if subprocess.run(smtp_source(relay, sessions // SOURCES, each, *more), timeout=600).returncode:
                    return False
            return True

        with ThreadPoolExecutor(SOURCES) as pool:
            return all(pool.map(work, range(SOURCES)))


def postern(folder, sink, binary, name, algorithms):
    return Postern(
        folder,
        free_port(),
        sink,
        binary,
        name,
        host=HOST,
        smtp=LIMITS,
        auth='[sender_auth]\ndmarc = "enforce"',
        sections=f'[dkim]\nsign = true\nalgorithms = {algorithms}\n[dns]\nresolver = "{DNS}:53"'.replace("'", '"'),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=3_000, help="of one run")
    args = parser.parse_args()
    # So that what was started is ended here too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    folder = tempfile.mkdtemp(prefix="postern-bench-")
    os.chmod(folder, 0o755)
    relays, server = [], None
    try:
        theirs, ours = os.path.join(folder, "theirs.pem"), os.path.join(folder, "ours.pem")
        their_record, our_record = make_key(theirs), make_key(ours)
        server = NameServer(
            folder,
            {
                "shop.example.": f"v=spf1 ip4:{HOST} -all",
                "_dmarc.shop.example.": "v=DMARC1; p=reject",
                "s1._domainkey.shop.example.": their_record,
                "elsewhere.example.": "v=spf1 -all",
            },
        )
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for address in (HOST, DNS):
            subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
        subprocess.run(["mount", "--bind", write(folder, "resolv.conf", f"nameserver {DNS}\n"), "/etc/resolv.conf"], check=True)
        server.start()
        source = Source(signed_files(folder, theirs, SOURCES * FILES_EACH, SIZE))
        sink = free_port()
        relays = [
            FilteredPostfix(folder, free_port(), sink, ours),
            postern(folder, sink, args.binary, "postern", ["rsa"]),
            postern(folder, sink, args.binary, "postern, two signatures", ["rsa", "ed25519"]),
        ]
        proofs = [{"s1._domainkey.bench.example.": our_record}, None, None]
        if not all([prove(relay, sink, theirs, records) for relay, records in zip(relays, proofs)]):
            return "a relay does not do what is to be measured"
        # Even when halved it must be shared by all files.
        share = 2 * SOURCES * FILES_EACH
        count = max(1, args.messages // share) * share
        print(f"{os.cpu_count()} cores, {ALIASES:,} aliases, {args.rounds} round(s) of {count} messages, medians; ratio is to Postfix in the same run")
        print(HEADING)
        main_ratio = 0
        for path, sessions, durable in (("direct", 10, False), ("direct", 50, False), ("durable", 10, True)):
            results = {relay.name: [] for relay in relays}
            for _ in range(args.rounds):
                for relay in relays:
                    messages = count // 2 if durable else count
                    result = run(relay, sink, lambda: source.send(relay, sessions, messages), messages, durable)
                    if counts(path, SIZE, sessions, relay, result):
                        results[relay.name].append(result)
            ratios = report(path, SIZE, sessions, relays, results)
            main_ratio = main_ratio or ratios.get("postern", 0)
        print(f"10 sessions, RSA signature: {main_ratio:.2f} times Postfix with its milters (wanted: {WANTED:.0f})")
        return 0 if main_ratio >= WANTED else 1
    finally:
        for relay in relays:
            if isinstance(relay, FilteredPostfix):
                subprocess.run(["postfix", "-c", relay.config, "abort"], stderr=subprocess.DEVNULL)
                relay.end_filters()
            elif getattr(relay, "process", None) and relay.process.poll() is None:
                relay.process.kill()
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
