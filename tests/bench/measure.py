"""What every benchmark of relays does: waiting for them, their CPU and memory, and one run from source to sink.

A run counts only if the source said that all was accepted and the sink got every message. Memory is PSS (shared pages
counted once), summed over all processes of a relay, the highest of samples taken twice a second. CPU is user plus system
time of all its processes, finished children included.
"""

import os
import socket
import statistics
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, host="127.0.0.1", seconds=20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with socket.create_connection((host, port), 1) as s:
                s.settimeout(5)
                if s.recv(3) == b"220":
                    return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing answers on port {port}")


def wait_socket(path, seconds=20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(path)
                return
            except OSError:
                time.sleep(0.02)
    raise SystemExit(f"nothing answers at {path}")


def wait_dns(address, seconds=20):
    """Waits for an answer to a question for the root's name servers."""
    question = b"\0\1\0\0\0\1\0\0\0\0\0\0\0\0\2\0\1"
    until = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        while time.monotonic() < until:
            try:
                s.sendto(question, (address, 53))
                s.recv(512)
                return
            except OSError:
                time.sleep(0.02)
    raise SystemExit(f"no name server answers at {address}")


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


def family(pids):
    return {p for pid in pids for p in children(pid)}


def cpu_seconds(pids):
    total = 0
    for p in family(pids):
        try:
            with open(f"/proc/{p}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        # user, system; and of finished children
        total += sum(int(x) for x in fields[11:15])
    return total / TICKS


def pss_mb(pids):
    total = 0
    for p in family(pids):
        try:
            with open(f"/proc/{p}/smaps_rollup") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except (OSError, StopIteration):
            pass
    return total / 1024


class Sampler(threading.Thread):
    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.peak, self.stop = pids, pss_mb(pids), threading.Event()

    def run(self):
        while not self.stop.wait(0.5):
            self.peak = max(self.peak, pss_mb(self.pids))


def run(relay, sink_port, send, count, durable=False):
    """Starts a sink and the relay, has `send` send `count` messages (it says whether all were accepted) and measures."""
    sink_args = ["smtp-sink", "-u", "nobody", "-m", "1000"]
    sink_args += ["-r", "RCPT"] if durable else ["-M", str(count)]
    sink = subprocess.Popen(sink_args + [f"127.0.0.1:{sink_port}", "1000"], stdout=subprocess.DEVNULL)
    wait_port(sink_port)
    relay.start()
    sampler = Sampler(relay.pids)
    sampler.start()
    cpu, begun = cpu_seconds(relay.pids), time.monotonic()
    ok = send()
    accepted = time.monotonic() - begun
    if ok and not durable:
        try:
            sink.wait(300)
        except subprocess.TimeoutExpired:
            ok = False
    elapsed = accepted if durable else time.monotonic() - begun
    cpu = cpu_seconds(relay.pids) - cpu
    sampler.stop.set()
    sampler.join()
    relay.stop()
    if sink.poll() is None:
        sink.terminate()
        sink.wait()
    return {"ok": ok, "rate": count / elapsed, "cpu": 1000 * cpu / count, "pss": sampler.peak}


def smtp_source(relay, sessions, count, *more):
    """The command that sends `count` messages to the alias."""
    return ["smtp-source", "-s", str(sessions), "-m", str(count), *more, f"{relay.host}:{relay.port}"]


HEADING = f"{'path':8} {'size':>6} {'sess':>5} {'relay':22} {'msg/s':>8} {'ratio':>6} {'CPU ms':>7} {'PSS MB':>7} {'ratio':>6}"


def counts(path, size, sessions, relay, result):
    """Whether the run counts; says so where it does not."""
    if not result["ok"]:
        print(f"{path:8} {size:6} {sessions:5} {relay.name:22} run does not count: not every message arrived", flush=True)
    return result["ok"]


def middle(rows, key):
    return statistics.median(row[key] for row in rows)


def report(path, size, sessions, relays, results):
    """One line for each relay: medians, and their ratio to those of the first relay. Gives the ratios of the rates."""
    ratios = {}
    base = results[relays[0].name]
    for relay in relays:
        rows = results[relay.name]
        if not rows or not base:
            continue
        ratios[relay.name] = middle(rows, "rate") / middle(base, "rate")
        print(
            f"{path:8} {size:6} {sessions:5} {relay.name:22} {middle(rows, 'rate'):8.0f} {ratios[relay.name]:6.2f}"
            f" {middle(rows, 'cpu'):7.2f} {middle(rows, 'pss'):7.1f} {middle(rows, 'pss') / middle(base, 'pss'):6.2f}",
            flush=True,
        )
    return ratios
