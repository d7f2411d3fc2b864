"""Damage of every kind to everything that comes from outside: a result or our own errors, soon, in little memory.

Some ten thousand damaged inputs; with SEALGATE_FUZZ_ROUNDS in the environment as many as that says, others each time.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from sealgate.cli.app import run
from sealgate.cli.dcmsign import main as dcmsign
from sealgate.cli.dcmsign.codes import Code
from sealgate.cli.exit_codes import ExitCode
from sealgate.dicom.dictionary_file import read_dictionary
from sealgate.dicom.location import Location, find
from sealgate.errors import SealgateError
from sealgate.signature.keys import load_certificate, load_signer
from sealgate.signature.remove import remove_signatures
from sealgate.timestamp.accept import accepted_token
from sealgate.timestamp.insert import read_uid_file
from sealgate.timestamp.query import read_query
from sealgate.timestamp.response import read_response
from sealgate.trust.bundle import certificates_in, crls_in, ocsp_responses_in
from sealgate.trust.openssl import verify as openssl_verdict
from sealgate.trust.path import validate_path
from sealgate.trust.revocation import Revocation, RevocationStatus
from sealgate.trust.store import TrustStore
from sealgate.verification.document import report_as_json
from sealgate.verification.judging import Judging
from sealgate.verification.report import Outcome
from sealgate.verification.verify import verify
from support import tokens, tree
from support.elements import EXPLICIT, part10
from support.forging import body, even, forge, with_signatures
from support.mutating import (
    Object,
    copied,
    damaged_bytes,
    damaged_der,
    damaged_elements,
    damaged_text,
    der,
    encoded_der,
)
from support.pki import Authority, Credential, Revoked
from support.signing import AT, UID, anchors, opened
from support.tree import Broken, Element
from support.tsa import tsa_credential

ROUNDS = int(os.environ.get("SEALGATE_FUZZ_ROUNDS", "400"))
IS_SHORT = ROUNDS == 400
TOTAL = 10_000 if IS_SHORT else ROUNDS
SEED = "" if IS_SHORT else str(time.time())
MAX_SECONDS = 2.0
"""For one damaged input of some kilobytes, on a busy machine; it usually takes a few milliseconds."""
MAX_GROWTH_BYTES = 96 << 20
"""Peak memory of the process while all damaged inputs of a kind are read, above where it stood before."""
GEN_TIME = AT.strftime("%Y%m%d%H%M%SZ")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120 if IS_SHORT else 6 * 3600),
    pytest.mark.filterwarnings("ignore"),  # libraries warn about odd certificates; the command line is silent too
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An authority, and what it issued."""

    folder: Path
    authority: Authority
    signer: Credential
    tsa: Credential
    trusted: TrustStore
    file: bytes
    """Signed, with a timestamp and a purpose."""
    elements: list[Element]
    stream: bytes
    report: dict[str, Any]


Input = Callable[[random.Random], bytes]
Use = Callable[[bytes], object]
Subject = Callable[[Scene], tuple[Input, Use]]

SUBJECTS: dict[str, tuple[Subject, float]] = {}


def subject(share: float = 1.0) -> Callable[[Subject], Subject]:
    """What is damaged and how it is used; `share` is how many of the rounds it gets, in relation to others."""

    def named(function: Subject) -> Subject:
        SUBJECTS[function.__name__] = function, share
        return function

    return named


# --- the bounds


def _peak() -> int:
    """Peak memory of this process in bytes."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("there is no VmHWM")


@contextmanager
def bounded_memory() -> Iterator[None]:
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak begins anew
    before = _peak()
    yield
    growth = _peak() - before
    assert growth < MAX_GROWTH_BYTES, f"{growth >> 20} MiB"


@contextmanager
def nothing_shown() -> Iterator[None]:
    """Command lines write into nothing, bytes as well as text."""
    with (
        Path(os.devnull).open("w", encoding="utf-8", errors="replace") as nothing,
        redirect_stdout(nothing),
        redirect_stderr(nothing),
    ):
        yield


@pytest.mark.parametrize("name", SUBJECTS)
def test_damage_ends_in_a_result_or_in_our_errors(name: str, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    make, share = SUBJECTS[name]
    rounds = max(int(TOTAL * share / sum(each for _, each in SUBJECTS.values())), 1)
    monkeypatch.chdir(scene.folder)
    rng = random.Random(name + SEED)
    damaged, use = make(scene)
    used = refused = 0
    with bounded_memory(), nothing_shown():
        for number in range(rounds):
            encoded = damaged(rng)
            begun = time.monotonic()
            try:
                use(encoded)
                used += 1
            except SealgateError as error:
                refused += 1
                sentence = str(error)
                assert "\n" not in sentence, sentence
                assert len(sentence) < 2000, sentence
            except Exception as error:
                place = scene.folder.parent / f"{name}.damaged"
                place.write_bytes(encoded)
                raise AssertionError(f"{name}, round {number} of {SEED!r}, kept as {place}: {error!r}") from error
            taken = time.monotonic() - begun
            assert taken < MAX_SECONDS, f"{name}, round {number} of {SEED!r}: {taken:.1f} s, {encoded[:400].hex()}"
    assert used, refused


# --- the scene


def date_element() -> bytes:
    return AT.strftime("%Y%m%d%H%M%S.%f+0000").encode()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("mutations")
    authority = Authority(folder / "pki", now=AT)
    signer, tsa = authority.issue("signer", "p256", hosts=()), tsa_credential(authority, key="p256")
    trusted = anchors(authority)
    data_set = signed_data_set(signer, tsa)
    file = part10(data_set)
    elements = tree.read(data_set)
    report = judged(file, trusted)
    assert report["outcome"] == "valid", report
    for name, content in {
        "signed.dcm": file,
        "plain.dcm": part10(body()),
        "signer.pem": signer.pem,
        "signer.key": signer.key_path.read_bytes(),
        "ca.pem": authority.credential.pem,
        "crl": authority.crl(),
        "query": tokens.query(b"value", nonce=5),
        "tags": b"PatientName\n(0010,0020)\n",
    }.items():
        (folder / name).write_bytes(content)
    stream = tree.mac_stream(elements)
    return Scene(
        folder=folder,
        authority=authority,
        signer=signer,
        tsa=tsa,
        trusted=trusted,
        file=file,
        elements=elements,
        stream=stream,
        report=report,
    )


def purpose() -> bytes:
    w = EXPLICIT
    code = (w.element(0x00080100, "SH", b"5 "), w.element(0x00080102, "SH", b"ASTM-sigpurpose "))
    return w.sequence(0x04000401, w.item(*code, w.element(0x00080104, "LO", b"Verification Signature")))


def content() -> bytes:
    w = EXPLICIT
    inner = w.sequence(0x00081199, w.item(w.element(0x00081155, "UI", b"1.2.3\0"), undefined=True), undefined=True)
    return body(w, w.element(0x00100020, "LO", b"4711"), w.element(0x00100040, "CS", b"O ")) + w.sequence(
        0x00400555, w.item(inner), w.item()
    )


def with_certificate(scene: Scene, certificate: bytes) -> bytes:
    """The signed file with another certificate: it does not enter the MAC."""
    elements = copied(scene.elements)
    signatures = tree.element(elements, tree.SIGNATURES)
    assert signatures is not None
    element = tree.element(signatures.items[0].elements, 0x04000115)
    assert element is not None
    element.value = even(certificate)
    return part10(tree.write(elements))


def signed_data_set(signer: Credential, tsa: Credential) -> bytes:
    """A data set with a signature that has everything: a purpose and a timestamp."""
    parameters, item = forge(signer, content(), item={0x04000401: purpose()})
    value = signature_value(item)
    token = tokens.token(tsa, value, gen_time=GEN_TIME)
    return with_token(parameters, item, token)


def signature_value(item: bytes) -> bytes:
    found = tree.element(tree.read(item[8:]), 0x04000120)
    assert found is not None
    return found.value[: 2 + found.value[1]]  # of P-256: one byte of length


def with_token(parameters: bytes, item: bytes, token: bytes) -> bytes:
    elements = tree.read(item[8:])
    at = next((at for at, one in enumerate(elements) if one.tag > 0x04000310), len(elements))
    elements[at:at] = [Element(0x04000305, "CS", b"CMS_TSP "), Element(0x04000310, "OB", even(token))]
    return with_signatures(content(), (parameters, EXPLICIT.item(tree.write(elements))))


def judged(file: bytes, trusted: TrustStore, revocation: Revocation = Revocation.IF_GIVEN) -> dict[str, Any]:
    data_set, carrier = opened(file)
    return report_as_json(verify(carrier, data_set.syntax, Judging(store=trusted, now=AT, revocation=revocation)))


# --- signature sequences


SAID = ("signer", "digital_signature_datetime", "proven", "purpose")


def claims(report: dict[str, Any]) -> list[object]:
    """What a report says of who signed what and when; the order in which elements are listed says nothing."""
    said = [([one[key] for key in SAID], set(one["data_elements_signed"])) for one in report["signatures"]]
    return [report["coverage"], *said]


def never_falsely_valid(scene: Scene, file: bytes) -> None:
    """Verify; where the outcome is valid another reader finds the same bytes signed, and the same is said of them."""
    report = judged(file, scene.trusted)
    if report["outcome"] != Outcome.VALID:
        return
    elements = tree.read(file[len(file) - len(bytes(opened(file)[0].source.view)) :])
    assert tree.mac_stream(elements) == scene.stream
    assert claims(report) == claims(scene.report) or not report["signatures"][0]["timestamp"]


def is_of_signatures(element: Element) -> bool:
    return element.tag in (tree.MAC_PARAMETERS, tree.SIGNATURES)


@subject(3)
def signature_sequences_by_elements(scene: Scene) -> tuple[Input, Use]:
    values = [one.value for top in scene.elements for item in top.items for one in item.elements if one.value]

    def damaged(rng: random.Random) -> bytes:
        everywhere = rng.randrange(8) == 0
        changed = damaged_elements(rng, scene.elements, lambda one: everywhere or is_of_signatures(one), values)
        return part10(tree.write(changed))

    return damaged, lambda file: never_falsely_valid(scene, file)


@subject(3)
def signature_sequences_by_bytes(scene: Scene) -> tuple[Input, Use]:
    before = tree.write(one for one in scene.elements if not is_of_signatures(one))
    own = tree.write(one for one in scene.elements if is_of_signatures(one))

    def damaged(rng: random.Random) -> bytes:
        return part10(before + damaged_bytes(rng, own))

    return damaged, lambda file: never_falsely_valid(scene, file)


@subject()
def signature_sequences_to_be_removed(scene: Scene) -> tuple[Input, Use]:
    def damaged(rng: random.Random) -> bytes:
        return part10(tree.write(damaged_elements(rng, scene.elements, is_of_signatures)))

    return damaged, lambda file: remove_signatures(opened(file)[1])


# --- certificates


def signed_again(authority: Authority, to_be_signed: bytes) -> bytes:
    """What an authority makes of any bytes that it is to sign: certificate, CRL or OCSP response."""
    assert isinstance(authority.key, ec.EllipticCurvePrivateKey)
    value = authority.key.sign(to_be_signed, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    return tokens.sequence(to_be_signed, algorithm, encoded_der(Object(0x03, b"\0" + value)))


def others(scene: Scene) -> list[bytes]:
    """Certificates whose parts are put into others: of every kind of key, with every extension."""
    kinds = ("rsa1024", "p384", "p521", "brainpoolp256", "dsa1024")
    issued = [scene.authority.issue(f"other-{kind}", kind).der for kind in kinds]
    return [*issued, scene.authority.credential.der, scene.tsa.der, RSA_PSS]


RSA_PSS = encoded_der(
    Object(
        0x30,
        parts=[
            Object(0x06, bytes.fromhex("2a864886f70d01010a")),
            Object(0x30, parts=[Object(0xA2, parts=[Object(0x02, b"\x7f\xff\xff\xff")])]),
        ],
    )
)


@subject(2)
def certificates_of_signers(scene: Scene) -> tuple[Input, Use]:
    """In a signature; nothing but its encoding may differ where it is still valid."""
    parts = others(scene)

    def damaged(rng: random.Random) -> bytes:
        way = damaged_bytes if rng.randrange(4) == 0 else lambda rng, encoded: damaged_der(rng, encoded, parts)
        return way(rng, scene.signer.der)

    def use(certificate: bytes) -> None:
        report = judged(with_certificate(scene, certificate), scene.trusted)
        if report["outcome"] == Outcome.VALID:
            parsed = x509.load_der_x509_certificate(certificate[: 2 + 2 + int.from_bytes(certificate[2:4])])
            assert parsed.tbs_certificate_bytes == scene.signer.certificate.tbs_certificate_bytes

    return damaged, use


@subject(3)
def certificates_that_an_authority_signed(scene: Scene) -> tuple[Input, Use]:
    parts = others(scene)

    def damaged(rng: random.Random) -> bytes:
        to_be_signed = encoded_der(der(rng.choice([*parts[:-1], scene.signer.der])).parts[0])
        return signed_again(scene.authority, damaged_der(rng, to_be_signed, parts))

    return damaged, lambda certificate: judged(with_certificate(scene, certificate), scene.trusted)


@subject(2)
def certificates_on_a_path(scene: Scene) -> tuple[Input, Use]:
    """As trust anchor, intermediate certificate and end, for us and for OpenSSL."""
    parts = others(scene)
    root = scene.authority.credential.der

    def damaged(rng: random.Random) -> bytes:
        whole = rng.choice([root, scene.signer.der, scene.tsa.der])
        if rng.randrange(2):
            return damaged_der(rng, whole, parts)
        return signed_again(scene.authority, damaged_der(rng, encoded_der(der(whole).parts[0]), parts))

    def use(certificate: bytes) -> None:
        with suppress(SealgateError):
            store = TrustStore(
                anchors=certificates_in(certificate), intermediates=(root,), crls=(scene.authority.crl(),)
            )
            validate_path(scene.signer.der, store, AT)
        trusted = validate_path(scene.signer.der, scene.trusted, AT, other_certificates=(certificate,)).trusted
        assert trusted, "who brings a certificate along cannot take the trust of another one away"
        validate_path(scene.signer.der, TrustStore(anchors=(root,), intermediates=(certificate,)), AT)
        for revocation in (Revocation.NONE, Revocation.REQUIRED):
            validate_path(certificate, scene.trusted, AT, revocation=revocation, other_certificates=(root, certificate))
        with suppress(SealgateError):
            openssl_verdict(certificate, trusted=(root,), untrusted=(scene.signer.der,), at=AT)
        load_certificate(certificate)

    return damaged, use


# --- revocation


@dataclass(slots=True)
class Lists:
    """A revoked signer, and how what says so is judged."""

    scene: Scene
    revoked: Credential
    good: int = field(default=0)

    def judge(self, store: TrustStore, *, authentic: bool) -> None:
        result = validate_path(self.revoked.der, store, AT, revocation=Revocation.REQUIRED)
        if not authentic:
            assert result.revocation.status is not RevocationStatus.GOOD


def lists(scene: Scene) -> Lists:
    return Lists(scene, scene.authority.issue("revoked", hosts=()))


def statement(scene: Scene, own: Lists) -> Revoked:
    return Revoked(own.revoked.certificate.serial_number, AT, x509.ReasonFlags.key_compromise, AT)


@subject(2)
def crls(scene: Scene) -> tuple[Input, Use]:
    own = lists(scene)
    point = x509.IssuingDistributionPoint(
        [x509.UniformResourceIdentifier("http://a.example/crl")], None, False, False, None, False, False
    )
    number = x509.CRLNumber(7)
    crl = scene.authority.crl(statement(scene, own), extensions=[(point, True), (number, False)])
    signed_part = encoded_der(der(crl).parts[0])
    again: dict[bytes, bool] = {}

    def damaged(rng: random.Random) -> bytes:
        again.clear()
        if rng.randrange(2):
            changed = signed_again(scene.authority, damaged_der(rng, signed_part, others_once))
            again[changed] = True
            return changed
        return damaged_der(rng, crl, others_once) if rng.randrange(2) else damaged_bytes(rng, crl)

    others_once = [scene.signer.der, crl]

    def use(changed: bytes) -> None:
        store = TrustStore(anchors=scene.trusted.anchors, crls=crls_in(changed))
        authentic = changed in again or encoded_der(der(changed).parts[0]) == signed_part
        own.judge(store, authentic=authentic and changed in again)
        with suppress(SealgateError):
            openssl_verdict(own.revoked.der, trusted=scene.trusted.anchors, crls=store.crls, crl_check=True, at=AT)

    return damaged, use


@subject(2)
def ocsp_responses(scene: Scene) -> tuple[Input, Use]:
    own = lists(scene)
    responder = scene.authority.issue(
        "responder", hosts=(), extensions=[(x509.ExtendedKeyUsage([x509.OID_OCSP_SIGNING]), False)]
    )
    certificate = own.revoked.certificate
    direct = scene.authority.ocsp_response(certificate, revoked=statement(scene, own))
    delegated = scene.authority.ocsp_response(certificate, revoked=statement(scene, own), responder=responder)
    again: set[bytes] = set()

    def damaged(rng: random.Random) -> bytes:
        again.clear()
        whole = rng.choice((direct, delegated))
        if rng.randrange(2):
            return damaged_der(rng, whole, [certificate_der]) if rng.randrange(2) else damaged_bytes(rng, whole)
        response = der(direct)
        basic = response.parts[1].parts[0].parts[1].parts[0]
        assert basic.tag == 0x30
        assert len(basic.parts) == 3
        changed = signed_again(scene.authority, damaged_der(rng, encoded_der(basic.parts[0]), [certificate_der]))
        response.parts[1].parts[0].parts[1] = Object(0x04, changed)
        again.add(encoded_der(response))
        return encoded_der(response)

    certificate_der = scene.signer.der

    def use(changed: bytes) -> None:
        found = ocsp_responses_in(changed)
        store = TrustStore(anchors=scene.trusted.anchors, ocsp_responses=found)
        own.judge(store, authentic=changed in again)

    return damaged, use


# --- timestamps


def proven(scene: Scene, data_set: bytes) -> str | None:
    """The moment that a timestamp proves."""
    (signature,) = judged(part10(data_set), scene.trusted)["signatures"]
    moment = signature["proven"]
    return moment["at"] if moment and moment["proof"] == "timestamp" else None


MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")


def stamped_again(tsa: Credential, genuine: bytes, info: bytes) -> bytes:
    """The token of a TSA with another TSTInfo, signed anew."""
    assert isinstance(tsa.key, ec.EllipticCurvePrivateKey)
    tree = der(genuine)
    signed_data = tree.parts[1].parts[0]
    signed_data.parts[2].parts[1].parts[0] = Object(0x04, info)
    signer = signed_data.parts[4].parts[0]
    attributes = signer.parts[3]
    for attribute in attributes.parts:
        if attribute.parts[0].value == MESSAGE_DIGEST:
            attribute.parts[1].parts[0] = Object(0x04, hashlib.sha256(info).digest())
    signed = encoded_der(Object(0x31, parts=attributes.parts))
    signer.parts[5] = Object(0x04, tsa.key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return encoded_der(tree)


@subject(2)
def tokens_in_a_signature(scene: Scene) -> tuple[Input, Use]:
    """Damaged, or made by the TSA over a damaged TSTInfo; a time is proven only where it is the TSA's."""
    parameters, item = forge(scene.signer, content(), item={0x04000401: purpose()})
    value = signature_value(item)
    info = tokens.tst_info(value, gen_time=GEN_TIME, accuracy={"seconds": 1}, nonce=5, extensions=[("1.2.3", False)])
    genuine = tokens.token(scene.tsa, value, info=info)
    assert proven(scene, with_token(parameters, item, stamped_again(scene.tsa, genuine, info)))
    parts = [scene.tsa.der, scene.signer.der, info, tokens.query(value)]
    again: set[bytes] = set()

    def damaged(rng: random.Random) -> bytes:
        again.clear()
        match rng.randrange(4):
            case 0:
                return damaged_bytes(rng, genuine)
            case 1:
                again.add(changed := stamped_again(scene.tsa, genuine, damaged_der(rng, info, parts)))
                return changed
            case _:
                return damaged_der(rng, genuine, parts)

    def use(token: bytes) -> None:
        moment = proven(scene, with_token(parameters, item, token))
        assert moment is None or token in again or moment == AT.isoformat()

    return damaged, use


@subject(2)
def responses_and_queries(scene: Scene) -> tuple[Input, Use]:
    value = b"the value of a signature"
    query = tokens.query(value, nonce=77, policy="1.3.6.1.4.1.99999.1")
    read = read_query(query)
    granted = tokens.response(tokens.token(scene.tsa, value, nonce=77, gen_time=GEN_TIME), texts=["fine"])
    rejected = tokens.response(None, status=2, texts=["no", "ä"], failures=[0, 25])
    uid_file = part10(EXPLICIT.element(0x04000100, "UI", even(UID.encode())))

    def damaged(rng: random.Random) -> bytes:
        whole = rng.choice((query, granted, granted, rejected))
        if rng.randrange(8) == 0:
            return damaged_bytes(rng, uid_file)
        return damaged_der(rng, whole, (query, granted)) if rng.randrange(3) else damaged_bytes(rng, whole)

    def use(encoded: bytes) -> None:
        for reader in (read_query, read_uid_file, read_response):
            with suppress(SealgateError):
                reader(encoded)
        accepted_token(read_response(encoded), read, value)

    return damaged, lambda encoded: use(encoded) if encoded != granted else None


# --- keys


@subject()
def key_files(scene: Scene) -> tuple[Input, Use]:
    signer = scene.authority.issue("packed", "rsa1024")
    plain, locked = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")
    der_form, pkcs8 = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    wholes = [
        pkcs12.serialize_key_and_certificates(b"name", signer.key, signer.certificate, [scene.tsa.certificate], way)  # type: ignore[arg-type]
        for way in (plain, locked)
    ]
    for credential in (signer, scene.signer, scene.authority.issue("dsa", "dsa1024")):
        wholes += [credential.key.private_bytes(der_form, pkcs8, way) for way in (plain, locked)]
    pem = scene.signer.key_path.read_bytes()

    def damaged(rng: random.Random) -> bytes:
        if rng.randrange(8) == 0:
            return damaged_bytes(rng, pem)
        whole = rng.choice(wholes)
        return damaged_der(rng, whole, wholes) if rng.randrange(4) else damaged_bytes(rng, whole)

    def use(key: bytes) -> None:
        for certificate in (signer.der, scene.signer.der, None):
            with suppress(SealgateError):
                load_signer(key, certificate, lambda: b"secret")

    return damaged, use


# --- text

_WORDS = rb"""
    ( ) , [ ] [0] [99999999999999999999] . # @ + - -- \ ' " * % {} %s u o e -o- -u- (0010,0010) ffff 60xx 0 1-n 1-99n
    (0009,"A",10) PatientName SQ OB xs ReferencedSeriesSequence[0].
"""
WORDS = (b"\t", b"\n", b"\r\n", b"\0", b"\xff", b"\xc3\xa4", b"\x1b[2J", b" ", *_WORDS.split())


@subject()
def dictionary_files(scene: Scene) -> tuple[Input, Use]:
    lines = (
        b"(0010,0010)\tPN\tPatientName\t1\tDICOM\n"
        b"(6000-60FF,3000)\tox\tOverlayData\t1\tDICOM\n"
        b'(0009,"GEMS_IDEN_01",01)\tLO\tFull\t1-n\tPrivateTag\n# a comment\n'
        b"(0020-o-00ff,0010-u-00ff)\tLO\tRange\t1\tprivate\n"
    )

    def use(text: bytes) -> None:
        dictionary = read_dictionary([("a.dic", text), ("b.dic", lines)])
        for tag in (0x00100010, 0x60003000, 0x00091001, 0x00210010, 0xFFFFFFFF):
            dictionary.words(tag)
            dictionary.keyword(tag)
            dictionary.private_words("GEMS_IDEN_01", tag)
        dictionary.tag("PatientName")

    return lambda rng: damaged_text(rng, lines, WORDS), use


@subject()
def locations(scene: Scene) -> tuple[Input, Use]:
    text = b"AcquisitionContextSequence[0].(0008,1199)[0]"
    data_set = opened(scene.file)[1]

    def use(damaged: bytes) -> None:
        location = Location.parse(damaged.decode("latin-1"))
        assert Location.parse(str(location)) == location
        find(data_set, location)

    assert find(data_set, Location.parse(text.decode()))
    return lambda rng: text if rng.randrange(50) == 0 else damaged_text(rng, text, WORDS), use


# --- command lines

DCMSIGN_LINES = (
    b"--verify +cf ca.pem +cr crl +rc -v signed.dcm\n",
    b"+s signer.key signer.pem +m2 -tf tags plain.dcm out.dcm\n",
    b"+si signer.key signer.pem AcquisitionContextSequence[0] signed.dcm out.dcm\n",
    b"-t PatientName -t 0010,0020 +s signer.key signer.pem plain.dcm out.dcm +d dump\n",
    b"+r 1.2.826.0.1.3680043.10.1.1 signed.dcm out.dcm\n",
    b"+ra 'signed.dcm' \"out.dcm\" -e +ti\n",
)
COMMANDS = (
    b"verify --anchors ca.pem --at 2026-03-01T12:00:00Z signed.dcm\n",
    b"verify --json --require-coverage PatientName --anchors ca.pem --crl crl signed.dcm\n",
    b"inspect signed.dcm\n",
    b"remove --all signed.dcm --output out.dcm\n",
    b"sign --key signer.key --certificate signer.pem --item AcquisitionContextSequence[0] plain.dcm --output out.dcm\n",
    b"timestamp insert --query query --response crl signed.dcm out.dcm\n",
)


@subject()
def tag_files_of_dcmsign(scene: Scene) -> tuple[Input, Use]:
    def use(text: bytes) -> None:
        Path("damaged-tags").write_bytes(text)
        line = "+s signer.key signer.pem +m2 -tf damaged-tags plain.dcm out.dcm"
        assert dcmsign(line.split()) in list(Code)

    return lambda rng: damaged_text(rng, b"PatientName (0010,0020)\n0008,0018\n", WORDS), use


MAX_WORD_BYTES = 80
"""Of names of files; what is no UTF-8 becomes three bytes, and file systems take 255."""


def usable(text: bytes) -> bytes:
    """Text that names no file outside of the folder it is used in, nor a terminal, nor one that cannot be."""
    plain = text.replace(b"/", b"").replace(b"..", b"").decode("utf-8", "replace").encode()
    words = [word[:MAX_WORD_BYTES] for word in re.split(rb"[ \t\r\n'\"]+", plain)]
    return b" ".join(word for word in words if word.strip() != b"-")


@subject()
def command_files_of_dcmsign(scene: Scene) -> tuple[Input, Use]:
    def use(text: bytes) -> None:
        Path("command").write_bytes(usable(text))
        assert dcmsign(["-pw", "@command"] if b"+s" in text else ["@command"]) in list(Code)

    return lambda rng: damaged_text(rng, rng.choice(DCMSIGN_LINES), WORDS), use


@subject()
def words_of_command_lines(scene: Scene) -> tuple[Input, Use]:
    def use(text: bytes) -> None:
        words = usable(text).decode("utf-8", "replace").split()
        if words and "\0" not in text.decode("latin-1"):
            assert run([*words[:1], *(word for word in words[1:] if word not in ("-", "--fetch-revocation"))]) in list(
                ExitCode
            )

    def damaged(rng: random.Random) -> bytes:
        line = rng.choice(COMMANDS)
        first, _, rest = line.partition(b" ")
        return first + b" " + damaged_text(rng, rest, WORDS)

    return damaged, use


@subject()
def files_of_commands(scene: Scene) -> tuple[Input, Use]:
    commands = (
        "verify --anchors ca.pem --at 2026-03-01T12:00:00Z damaged",
        "verify --json -v damaged",
        "verify --html report.html damaged",
        "inspect damaged",
        "inspect --json damaged",
        "remove --all damaged --output out.dcm",
    )
    number = 0

    def use(file: bytes) -> None:
        nonlocal number
        number += 1
        Path("damaged").write_bytes(file)
        Path("out.dcm").unlink(missing_ok=True)
        assert run(commands[number % len(commands)].split()) in list(ExitCode)

    def damaged(rng: random.Random) -> bytes:
        if rng.randrange(2):
            return damaged_bytes(rng, scene.file)
        return part10(tree.write(damaged_elements(rng, scene.elements, lambda one: True)))

    return damaged, use


@subject()
def certificates_in_files_of_commands(scene: Scene) -> tuple[Input, Use]:
    commands = (
        "verify --anchors ca.pem --at 2026-03-01T12:00:00Z -v damaged",
        "verify --anchors ca.pem --at 2026-03-01T12:00:00Z --html report.html damaged",
        "inspect damaged",
    )
    parts = others(scene)
    to_be_signed = encoded_der(der(scene.signer.der).parts[0])
    number = 0

    def damaged(rng: random.Random) -> bytes:
        return signed_again(scene.authority, damaged_der(rng, to_be_signed, parts))

    def use(certificate: bytes) -> None:
        nonlocal number
        number += 1
        Path("damaged").write_bytes(with_certificate(scene, certificate))
        assert run(commands[number % len(commands)].split()) in list(ExitCode)
        assert dcmsign(["-d", "--verify", "+cf", "ca.pem", "damaged"]) in list(Code)

    return damaged, use


def test_the_independent_check_tells_a_data_set_that_was_changed(scene: Scene) -> None:
    changed = scene.file.replace(b"4711", b"4712")
    with pytest.raises(AssertionError):
        assert tree.mac_stream(tree.read(changed[len(part10(b"")) :])) == scene.stream
    with suppress(Broken):
        never_falsely_valid(scene, changed)
