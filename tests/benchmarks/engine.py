#!/usr/bin/env python3
"""The engine in process: sign and verify one file beside what cannot be less, its SHA-256 and one RSA-2048 operation.

usage: engine.py [--kind mg ct] [--rounds 15] [--big-endian]

mg is an image of 40 MiB, ct a slice of 0.5 MB with 300 elements; both lie in memory as a mapped file does. To verify is
the whole ladder of facts, with the path to a trust anchor. Rounds are interleaved; ratios are those of the least
figures of one call. Needs sealgate and cryptography importable, and openssl to make a key.
"""
import argparse, hashlib, pathlib, struct, tempfile, time
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, utils

from sealgate.dicom import splice
from sealgate.dicom.part10 import open_file
from sealgate.dicom.reencode import reencoded, reencoded_header
from sealgate.dicom.scan import scan
from sealgate.dicom.transfer_syntax import BY_UID, EXPLICIT_BE
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.create import SigningOptions, sign
from sealgate.signature.keys import KeySigner
from sealgate.trust.store import TrustStore
from sealgate.verification.judging import Judging
from sealgate.verification.verify import verify

SIZES = {"mg": (60, 40 << 20), "ct": (300, 512 << 10)}
"""Elements, and bytes of pixel data."""
RSA_SHA256 = padding.PKCS1v15(), utils.Prehashed(hashes.SHA256())


def element(tag, vr, value):
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    long = vr in (b"OW", b"OB")
    return head + (struct.pack("<HL", 0, len(value)) if long else struct.pack("<H", len(value))) + value


def image(elements, pixels):
    """A file with so many elements, most of them private as real scanners write them, and bytes of pixel data."""
    meta = element(0x00020010, b"UI", b"1.2.840.10008.1.2.1\0")
    file = bytes(128) + b"DICM" + element(0x00020000, b"UL", struct.pack("<L", len(meta))) + meta
    file += element(0x00080060, b"CS", b"CT") + element(0x00190010, b"LO", b"BENCHMARKS")
    file += b"".join(element(0x00191000 + n, b"LO", b"a value of some length") for n in range(elements - 3))
    return file + element(0x7FE00010, b"OW", hashlib.shake_128(b"pixels").digest(pixels))


def big_endian(file):
    data_set, target = open_file(file), BY_UID[EXPLICIT_BE]
    pieces = reencoded(scan(data_set.source, data_set.encoding), data_set.syntax, target)
    return reencoded_header(data_set.header, target.uid) + b"".join(pieces)


def steps(file, key, certificate, anchor):
    """What is to be measured on `file`, by name; the floors are what no implementation can do without."""
    private = serialization.load_pem_private_key(pathlib.Path(key).read_bytes(), None)
    certificate, anchor = (x509.load_pem_x509_certificate(pathlib.Path(c).read_bytes()) for c in (certificate, anchor))
    signer = KeySigner(private, certificate.public_bytes(serialization.Encoding.DER))
    options = SigningOptions(mac_algorithm=MAC_ALGORITHMS["SHA256"], elements=None)
    store = TrustStore(anchors=(anchor.public_bytes(serialization.Encoding.DER),))
    now = datetime.now(UTC)

    def create():
        data_set = open_file(file)
        carrier = scan(data_set.source, data_set.encoding)
        return data_set, sign(carrier, data_set.syntax, signer, options, digital_signature_uid="1.2.3", at=now)

    data_set, made = create()
    signed = bytes(data_set.header) + b"".join(splice.pieces(data_set.source, made.edits))
    digest = hashlib.sha256(file).digest()
    value = private.sign(digest, *RSA_SHA256)

    def judge():
        opened = open_file(signed)
        report = verify(scan(opened.source, opened.encoding), opened.syntax, Judging(store=store, now=now))
        if report.outcome != "valid":
            raise SystemExit(f"the signature is {report.outcome}: {report.signatures}")

    return {
        "sign, floor": lambda: private.sign(hashlib.sha256(file).digest(), *RSA_SHA256),
        "sign": create,
        "verify, floor": lambda: private.public_key().verify(value, hashlib.sha256(file).digest(), *RSA_SHA256),
        "verify": judge,
    }


def milliseconds(step):
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1e3


def main():
    from startup import credentials

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--big-endian", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        keys = credentials(pathlib.Path(folder))
        for kind in args.kind:
            file = image(*SIZES[kind])
            found = steps(big_endian(file) if args.big_endian else file, *keys)
            least = dict.fromkeys(found, float("inf"))
            for _ in range(args.rounds):
                least |= {name: min(least[name], milliseconds(step)) for name, step in found.items()}
            print(f"{kind}, {len(file) / 2**20:.1f} MiB, least of {args.rounds} rounds, ratio to the floor")
            for name, figure in least.items():
                floor = least[name.removesuffix(", floor") + ", floor"]
                print(f"{name:20}{figure:>9.2f} ms{figure / floor:>7.2f}")


if __name__ == "__main__":
    main()
