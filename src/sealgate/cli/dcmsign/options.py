"""The options of dcmsign as one table: both spellings, how many values follow, and what the usage text says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Option(NamedTuple):
    """One option."""

    long: str
    short: str
    """Empty where there is only the long spelling."""
    text: tuple[str, ...]
    """Lines of the usage text."""
    values: int = 0
    described: str = ""
    """What the values are, in the usage text."""


class Group(NamedTuple):
    """Options under one heading of the usage text; a subgroup is indented."""

    heading: str
    options: tuple[Option, ...]
    is_sub: bool = True


def _option(long: str, short: str, text: str, values: int = 0, described: str = "") -> Option:
    return Option(f"--{long}", short, tuple(text.split("\n")), values, described)


_FILE = "[f]ilename: string"

GROUPS: tuple[Group, ...] = (
    Group(
        "general options:",
        (
            _option("help", "-h", "show this text and exit"),
            _option("version", "", "show the version and exit"),
            _option("arguments", "", "show the command line, command files expanded"),
            _option("quiet", "-q", "show no warnings and no errors"),
            _option("verbose", "-v", "show what is done, and details of signatures"),
            _option("debug", "-d", "show what helps in the search for mistakes"),
            _option(
                "log-level",
                "-ll",
                "(fatal, error, warn, info, debug, trace)\nshow messages of level l and above",
                1,
                "[l]evel: string constant",
            ),
            _option("log-config", "-lc", "take the level from the log4cplus file f", 1, _FILE),
        ),
        is_sub=False,
    ),
    Group("input options:", (), is_sub=False),
    Group(
        "input file format:",
        (
            _option("read-file", "+f", "read a DICOM file or a bare data set (default)"),
            _option("read-file-only", "+fo", "read a DICOM file only"),
            _option("read-dataset", "-f", "read a data set without File Meta Information"),
        ),
    ),
    Group(
        "input transfer syntax:",
        (
            _option("read-xfer-auto", "-t=", "as the file says, else recognised (default)"),
            _option("read-xfer-detect", "-td", "recognised, whatever the file says"),
            _option("read-xfer-little", "-te", "explicit VR little endian"),
            _option("read-xfer-big", "-tb", "explicit VR big endian"),
            _option("read-xfer-implicit", "-ti", "implicit VR little endian"),
        ),
    ),
    Group(
        "UN elements of defined length:",
        (
            _option("retain-un", "-uc", "stay UN (default)"),
            _option("convert-un", "+uc", "get their real VR if the dictionary knows it"),
        ),
    ),
    Group(
        "signature commands:",
        (
            _option("verify", "", "verify all signatures (default)"),
            _option("sign", "+s", "sign the main data set", 2, "[p]rivate key file, [c]ertificate file: string"),
            _option(
                "sign-item", "+si", "sign an item of a sequence", 3, "[k]eyfile, [c]ertfile, [i]tem location: string"
            ),
            _option(
                "insert-timestamp",
                "+t",
                "insert the certified timestamp of response r\nto query q into the signature named in u",
                3,
                "ts[q]file, ts[r]file, [u]idfile: string",
            ),
            _option("remove", "+r", "remove one signature", 1, "[s]ignature UID: string"),
            _option("remove-all", "+ra", "remove all signatures"),
        ),
        is_sub=False,
    ),
    Group("general signature options:", (), is_sub=False),
    Group(
        "key and certificate file format:",
        (
            _option("pem-keys", "-pem", "keys and certificates are PEM files (default)"),
            _option("der-keys", "-der", "keys and certificates are DER files"),
        ),
    ),
    Group(
        "signature format:",
        (
            _option("format-new", "-fn", "as DICOM has it (default)"),
            _option("format-old", "-fo", "with lengths of fragments, as DCMTK before 3.5.4"),
        ),
    ),
    Group("signature verification options (only with --verify):", (), is_sub=False),
    Group(
        "signature verification:",
        (
            _option("verify-if-present", "+rv", "pass if there is no signature (default)"),
            _option("require-sig", "+rg", "fail if there is no signature"),
            _option("require-creator", "+rc", "fail without a Creator RSA signature"),
            _option("require-auth", "+ru", "fail without an Authorization RSA signature"),
            _option("require-sr", "+rs", "fail without an SR RSA signature"),
        ),
    ),
    Group(
        "timestamp verification:",
        (
            _option("verify-ts", "+tv", "verify certified timestamps that are there (default)"),
            _option("ignore-ts", "-tv", "do not look at certified timestamps"),
            _option("require-ts", "+tr", "fail without a certified timestamp"),
        ),
    ),
    Group(
        "certification authority:",
        (
            _option("add-cert-file", "+cf", "trust the certificates in f", 1, _FILE),
            _option("add-ucert-file", "+uf", "f helps to find paths, and is not trusted", 1, _FILE),
            _option("add-cert-dir", "+cd", "trust the certificates in d (hash.N, hash.rN)", 1, "[d]irectory: string"),
            _option("add-crl-file", "+cr", "use the revocation list f\n(implies --enable-crl-vfy)", 1, _FILE),
            _option("enable-crl-vfy", "+cl", "check revocation by lists"),
        ),
    ),
    Group("signature creation options (only with --sign or --sign-item):", (), is_sub=False),
    Group(
        "private key password:",
        (
            _option("std-passwd", "+ps", "ask for it (default)"),
            _option("use-passwd", "+pw", "use p, which other users may see", 1, "[p]assword: string"),
            _option("null-passwd", "-pw", "the password is empty"),
        ),
    ),
    Group(
        "digital signature profile:",
        (
            _option("profile-none", "-pf", "none (default)"),
            _option("profile-base", "+pb", "Base RSA"),
            _option("profile-creator", "+pc", "Creator RSA"),
            _option("profile-auth", "+pa", "Authorization RSA"),
            _option("profile-sr", "+pr", "SR RSA"),
            _option("profile-srv", "+pv", "SR RSA, verification of a report"),
        ),
    ),
    Group(
        "MAC algorithm:",
        (
            _option("mac-ripemd160", "+mr", "RIPEMD160 (default)"),
            _option("mac-sha1", "+ms", "SHA-1 (no longer safe)"),
            _option("mac-md5", "+mm", "MD5 (no longer safe)"),
            _option("mac-sha256", "+m2", "SHA-256"),
            _option("mac-sha384", "+m3", "SHA-384"),
            _option("mac-sha512", "+m5", "SHA-512"),
        ),
    ),
    Group(
        "signature purpose:",
        (
            _option("list-purposes", "+lp", "show the purposes and their codes, and exit"),
            _option("no-sig-purpose", "-sp", "none (default)"),
            _option("sig-purpose", "+sp", "the purpose of code p", 1, "[p]urpose code: integer (1..18)"),
        ),
    ),
    Group(
        "tag selection:",
        (
            _option(
                "tag", "-t", "sign this element only\n(may be given more than once)", 1, '[t]ag: "gggg,eeee" or keyword'
            ),
            _option("tag-file", "-tf", "sign the elements that f lists", 1, _FILE),
        ),
    ),
    Group("timestamp creation options (only with --sign or --sign-item):", (), is_sub=False),
    Group(
        "timestamp creation:",
        (
            _option("timestamp-off", "-ts", "ask for no timestamp (default)"),
            _option(
                "timestamp-file",
                "+ts",
                "write timestamp query t and UID file u",
                2,
                "[t]sq-filename, [u]id-filename: string",
            ),
        ),
    ),
    Group(
        "timestamp MAC algorithm (only with --timestamp-file):",
        (
            _option("ts-mac-sha256", "+tm2", "SHA-256 (default)"),
            _option("ts-mac-sha384", "+tm3", "SHA-384"),
            _option("ts-mac-sha512", "+tm5", "SHA-512"),
            _option("ts-mac-ripemd160", "+tmr", "RIPEMD160"),
            _option("ts-mac-sha1", "+tms", "SHA-1 (no longer safe)"),
            _option("ts-mac-md5", "+tmm", "MD5 (no longer safe)"),
        ),
    ),
    Group(
        "timestamp query nonce (only with --timestamp-file):",
        (
            _option("ts-use-nonce", "+tn", "random (default)"),
            _option("ts-no-nonce", "-tn", "none"),
        ),
    ),
    Group(
        "timestamp certificate (only with --timestamp-file):",
        (
            _option("ts-request-cert", "+tc", "ask for the certificate of the TSA (default)"),
            _option("ts-no-cert", "-tc", "do not ask for it"),
        ),
    ),
    Group(
        "timestamp policy (only with --timestamp-file):",
        (
            _option("ts-no-policy", "-tp", "any (default)"),
            _option("ts-policy", "+tp", "ask for policy p", 1, "[p]olicy-OID: string"),
        ),
    ),
    Group("output options:", (), is_sub=False),
    Group(
        "output transfer syntax:",
        (
            _option("write-xfer-same", "+t=", "as the input (default)"),
            _option("write-xfer-little", "+te", "explicit VR little endian"),
            _option("write-xfer-big", "+tb", "explicit VR big endian"),
            _option("write-xfer-implicit", "+ti", "implicit VR little endian"),
        ),
    ),
    Group(
        "lengths of sequences and items:",
        (
            _option("length-explicit", "+e", "as the input, explicit where converted (default)"),
            _option("length-undefined", "-e", "undefined"),
        ),
    ),
    Group(
        "other output options:",
        (
            _option(
                "dump", "+d", "write what the MAC is calculated over to f\n(only with --sign or --sign-item)", 1, _FILE
            ),
        ),
    ),
)


def all_options() -> Iterator[Option]:
    """Every option, in the order of the usage text."""
    for group in GROUPS:
        yield from group.options
