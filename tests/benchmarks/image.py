#!/usr/bin/env python3
"""One large image in process: sign and verify its MAC beside what cannot be less, one SHA-256 of it and one RSA operation.

usage: image.py [--megabytes 40] [--rounds 7] [--big-endian]

The image lies in memory as a mapped file does. Rounds are interleaved; ratios are those of the least figures of one call.
Needs sealgate and cryptography importable.
"""
import argparse, hashlib, struct, time
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from sealgate.dicom import splice
from sealgate.dicom.part10 import open_file
from sealgate.dicom.reencode import reencoded, reencoded_header
from sealgate.dicom.scan import scan
from sealgate.dicom.transfer_syntax import BY_UID, EXPLICIT_BE
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.check import check
from sealgate.signature.create import SigningOptions, sign
from sealgate.signature.keys import KeySigner
from sealgate.signature.model import digital_signatures, mac_parameters


def element(tag, vr, value):
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    long = vr in (b"OW", b"OB")
    return head + (struct.pack("<HL", 0, len(value)) if long else struct.pack("<H", len(value))) + value


def image(size):
    uid = b"1.2.840.10008.1.2.1\0"
    meta = element(0x00020010, b"UI", uid)
    group = element(0x00020000, b"UL", struct.pack("<L", len(meta))) + meta
    texts = b"".join(element(0x00100000 + number, b"LO", b"a value of some length") for number in range(0x10, 0x110))
    pixels = hashlib.shake_128(b"pixels").digest(1 << 20) * (size >> 20)
    return bytes(128) + b"DICM" + group + element(0x00080060, b"CS", b"CT") + texts + element(0x7FE00010, b"OW", pixels)


def signer():
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Benchmark")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(30))
    return KeySigner(key, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--big-endian", action="store_true")
    args = parser.parse_args()
    file = image(args.megabytes << 20)
    if args.big_endian:
        data_set = open_file(file)
        target = BY_UID[EXPLICIT_BE]
        pieces = reencoded(scan(data_set.source, data_set.encoding), data_set.syntax, target)
        file = reencoded_header(data_set.header, target.uid) + b"".join(pieces)
    key, options = signer(), SigningOptions(mac_algorithm=MAC_ALGORITHMS["SHA256"], elements=None)

    def create(buffer):
        data_set = open_file(buffer)
        carrier = scan(data_set.source, data_set.encoding)
        made = sign(carrier, data_set.syntax, key, options, digital_signature_uid="1.2.3", at=datetime.now(UTC))
        return data_set, made

    data_set, made = create(file)
    signed = bytes(data_set.header) + b"".join(splice.pieces(data_set.source, made.edits))

    def verify():
        opened = open_file(signed)
        carrier = scan(opened.source, opened.encoding)
        (signature,) = digital_signatures(carrier)
        checked = check(carrier, opened.syntax, mac_parameters(carrier), signature)
        if checked.mac:
            raise SystemExit(f"the signature does not verify: {checked.mac}")

    def floor():
        digest = hashlib.sha256(file).digest()
        key.private_key.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))

    def digest_only():
        hashlib.sha256(file).digest()

    steps = {"SHA-256": digest_only, "SHA-256 and one RSA-2048": floor, "sign": lambda: create(file), "verify": verify}
    found = {name: [] for name in steps}
    for _ in range(args.rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            found[name].append((time.perf_counter() - start) * 1e3)
    least = {name: min(times) for name, times in found.items()}
    print(f"{len(file) / 2**20:.1f} MiB, {args.rounds} rounds, ratios to SHA-256 and one RSA-2048 signature")
    for name, milliseconds in least.items():
        print(f"{name:26}{milliseconds:>9.1f} ms{milliseconds / least['SHA-256 and one RSA-2048']:>7.2f}")


if __name__ == "__main__":
    main()
