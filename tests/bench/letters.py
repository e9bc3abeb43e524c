"""The mail of the benchmark with checks: signed as a sender of newsletters would, and the forgeries that must not pass."""

import os
import random

import dkim

from relays import ALIAS, SENDER

SIGNED = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"]


def text(number, size):
    """A message with a body of `size` bytes, line ends included; no two are alike."""
    rng = random.Random(number)
    words = "order parcel invoice weekly offer shipping store thanks account season".split()
    body = ""
    while len(body) < size - 72:
        line = " ".join(rng.choice(words) for _ in range(12))[:68]
        body += line.ljust(70, "x") + "\r\n"
    body += "-" * max(0, size - len(body) - 2) + "\r\n"
    head = (
        f"From: Shop <{SENDER}>\r\nTo: <{ALIAS}>\r\nSubject: Offer {number} of the week\r\n"
        f"Date: Tue, 24 Nov 2026 09:00:00 +0000\r\nMessage-ID: <{number}.{rng.getrandbits(64):x}@shop.example>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
    )
    return (head + body).encode()


def sign(message, key_path):
    with open(key_path, "rb") as f:
        key = f.read()
    relaxed = (b"relaxed", b"relaxed")
    return dkim.sign(message, b"s1", b"shop.example", key, canonicalize=relaxed, include_headers=SIGNED) + message


def signed_files(folder, key_path, count, size):
    """Files for `smtp-source -F`, which ends lines itself."""
    files = []
    for number in range(count):
        path = os.path.join(folder, f"letter-{number}")
        with open(path, "wb") as f:
            f.write(sign(text(number, size), key_path).replace(b"\r\n", b"\n"))
        os.chmod(path, 0o644)
        files.append(path)
    return files
