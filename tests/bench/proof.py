"""Shows, before anything is timed, that a relay does the work: what it delivers, and what it refuses."""

import json
import re
import smtplib
import socketserver
import subprocess
import threading

import dkim

from letters import sign, text
from relays import ALIAS, SENDER

STRANGER = "news@elsewhere.example"


class Sink(socketserver.ThreadingTCPServer):
    """Keeps every message it is given."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Session)
        self.messages, self.arrived = [], threading.Condition()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def take(self):
        with self.arrived:
            self.arrived.wait_for(lambda: self.messages, 30)
            return self.messages.pop(0) if self.messages else b""


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 sink.example\r\n")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                for line in self.rfile:
                    if line == b".\r\n":
                        break
                    lines.append(line[1:] if line.startswith(b".") else line)
                with self.server.arrived:
                    self.server.messages.append(b"".join(lines))
                    self.server.arrived.notify()
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


def give(relay, sender, message):
    """Gives a message to a relay; what it answers."""
    with smtplib.SMTP(relay.host, relay.port, "client.shop.example", 60) as client:
        try:
            client.sendmail(sender, [ALIAS], message)
        except smtplib.SMTPDataError as refused:
            return refused.smtp_code, refused.smtp_error.decode()
    return 250, ""


def published(relay):
    """The records of a Postern's keys by name, as it tells them."""
    command = [relay.binary, "--config", relay.config, "--json", "domain", "check", "bench.example"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    return {one["name"]: one["value"] for one in told["records"] if "._domainkey." in one["name"]}


def verifies(message, records):
    """Whether a signature of ours with RSA is on the message and verifies against the records."""
    one = dkim.DKIM(message)
    for number, (name, value) in enumerate(f for f in one.headers if f[0].lower() == b"dkim-signature"):
        value = re.sub(rb"\s", b"", value)
        if b"d=bench.example;" in value and b"a=rsa-sha256;" in value:
            return one.verify(idx=number, dnsfunc=lambda name, **_: records.get(name.decode(), "").encode())
    return False


def prove(relay, sink_port, key, records=None):
    """One signed message and two forgeries through a relay; prints what becomes of them, and whether all is as it must be."""
    sink = Sink(sink_port)
    relay.start()
    try:
        letter = sign(text(1_000_000, 4096), key)
        answers = [give(relay, SENDER, letter)]
        delivered = sink.take()
        # From a client its envelope does not allow: without a signature, and with one over another text.
        answers.append(give(relay, STRANGER, text(1_000_001, 4096)))
        answers.append(give(relay, STRANGER, letter.replace(b"weekly", b"yearly")))
        records = published(relay) if records is None else records
    finally:
        relay.stop()
        sink.shutdown()
        sink.server_close()
    fields = re.sub(rb"\r\n[ \t]+", b" ", delivered.split(b"\r\n\r\n")[0]).decode().split("\r\n")
    results = " ".join(field for field in fields if field.lower().startswith("authentication-results:"))
    facts = {f"{what}=pass": f"{what}=pass" in results for what in ("spf", "dkim", "dmarc")}
    facts["new signature verifies"] = bool(delivered) and verifies(delivered, records)
    facts["unsigned forgery refused"] = 500 <= answers[1][0] < 600
    facts["changed message refused"] = 500 <= answers[2][0] < 600
    facts["nothing else delivered"] = not sink.messages
    print(f"{relay.name}: " + ", ".join(what if held else f"NOT {what}" for what, held in facts.items()))
    print(f"    {answers[1][0]} {' '.join(answers[1][1].split())}", flush=True)
    if not all(facts.values()):
        print(f"    accepted with {answers[0]}, changed: {answers[2]}\n    " + "\n    ".join(fields))
    return all(facts.values())
