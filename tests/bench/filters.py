"""What surrounds the relays when they check who wrote a message: the sender's zone, and the milters Postfix needs for it.

Both relays ask the same NSD, which stands for the whole DNS: it serves the root zone, and has no limit on its answers.
Postfix gets what a Debian server commonly has: OpenDKIM to verify, OpenDMARC to check SPF and to enforce DMARC, and a
second OpenDKIM to sign (one instance either verifies or signs what comes from one client). Whatever makes them quicker
and keeps what they do is on: no logs, Unix sockets, OpenDKIM's cache of keys, SPF inside OpenDMARC.
"""

import os
import subprocess

from measure import wait_dns, wait_socket
from relays import Postfix

# OpenDKIM's resolver asks nobody in 127.0.0.0/8.
DNS = "192.0.2.53"
# Where relays listen and, as all is on one machine, where clients come from: libspf2 passes 127.0.0.0/8 without a look-up.
HOST = "192.0.2.10"
AUTHORITY = "relay.bench.example"
# An address nobody here has, where "none" can't be written.
NOBODY = "198.51.100.1\n"
PUBLIC_SUFFIXES = "/usr/share/publicsuffix/public_suffix_list.dat"


def write(folder, name, text, mode=0o644):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def make_key(path):
    """Makes an RSA-2048 key; gives the record that publishes it."""
    subprocess.run(["openssl", "genrsa", "-out", path, "2048"], check=True, stderr=subprocess.DEVNULL)
    public = subprocess.run(["openssl", "rsa", "-in", path, "-pubout"], check=True, capture_output=True, text=True).stdout
    return "v=DKIM1; k=rsa; p=" + "".join(line for line in public.splitlines() if "-----" not in line)


class NameServer:
    """NSD with the sender's records; `texts` are its TXT records by name."""

    def __init__(self, folder, texts):
        self.folder = os.path.join(folder, "dns")
        os.makedirs(self.folder)
        zone = "$TTL 3600\n. SOA ns. root. 1 3600 600 86400 60\n. NS ns.\nns. A %s\n" % DNS
        zone += "shop.example. MX 10 mail.shop.example.\nmail.shop.example. A %s\n" % HOST
        for name, text in texts.items():
            parts = " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))
            zone += f"{name} TXT {parts}\n"
        write(self.folder, "root.zone", zone)
        self.config = write(
            self.folder,
            "nsd.conf",
            f"""
server:
    ip-address: {DNS}
    port: 53
    username: ""
    chroot: ""
    zonesdir: "{self.folder}"
    database: ""
    pidfile: "{self.folder}/pid"
    zonelistfile: "{self.folder}/zone.list"
    xfrdfile: "{self.folder}/xfrd.state"
    xfrdir: "{self.folder}"
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: "."
    zonefile: "root.zone"
""",
        )

    def start(self):
        self.process = subprocess.Popen(["nsd", "-d", "-c", self.config], stderr=subprocess.DEVNULL)
        wait_dns(DNS)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class FilteredPostfix(Postfix):
    name = "postfix + milters"

    def __init__(self, folder, port, sink, key):
        self.sockets = {x: os.path.join(folder, f"{x}.sock") for x in ("verify", "dmarc", "sign")}
        milters = ", ".join(f"unix:{path}" for path in self.sockets.values())
        super().__init__(folder, port, sink, {"smtpd_milters": milters, "milter_protocol": "6"}, HOST)
        nobody = write(self.folder, "nobody", NOBODY)
        here = write(self.folder, "here", HOST + "\n")
        key_table = write(self.folder, "keys", f"ours bench.example:s1:{key}\n")
        signing_table = write(self.folder, "signing", "* ours\n")
        common = "Background no\nSyslog no\nUMask 0000\n"
        verify = f"Mode v\nAuthservID {AUTHORITY}\nInternalHosts {nobody}\nNameservers {DNS}\nQueryCache yes\n"
        sign = f"Mode s\nInternalHosts {here}\nKeyTable file:{key_table}\nSigningTable refile:{signing_table}\n"
        sign += "Canonicalization relaxed/relaxed\nOversignHeaders From\nRequireSafeKeys no\n"
        dmarc = f"AuthservID {AUTHORITY}\nTrustedAuthservIDs {AUTHORITY}\nIgnoreHosts {nobody}\nRejectFailures true\n"
        dmarc += f"SPFIgnoreResults true\nSPFSelfValidate true\nPublicSuffixList {PUBLIC_SUFFIXES}\n"
        self.commands = []
        for name, program, text in (("verify", "opendkim", verify), ("dmarc", "opendmarc", dmarc), ("sign", "opendkim", sign)):
            text = f"{common}Socket local:{self.sockets[name]}\n{text}"
            self.commands.append([program, "-c" if program == "opendmarc" else "-x", write(self.folder, f"{name}.conf", text)])
        self.filters = []

    def start(self):
        for path in self.sockets.values():
            if os.path.exists(path):
                os.unlink(path)
        log = open(os.path.join(self.folder, "milters.log"), "a")
        self.filters = [subprocess.Popen(command, stdout=log, stderr=log) for command in self.commands]
        for path in self.sockets.values():
            wait_socket(path)
        super().start()
        self.pids += [one.pid for one in self.filters]

    def stop(self):
        super().stop()
        self.end_filters()

    def end_filters(self):
        for one in self.filters:
            if one.poll() is None:
                one.terminate()
                one.wait(30)
