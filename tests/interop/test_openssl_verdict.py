"""OpenSSL's verdict on a signer's certificate: ours is, word for word, that of dcmsign and of `openssl verify`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from sealgate.errors import KeyUnusable, TrustFileUnusable
from sealgate.files.credentials import certificate_directory
from sealgate.trust import openssl
from sealgate.trust.bundle import read_bundle
from support import peers, samples
from support.pki import DAY, YEAR, Authority, Credential, Revoked, private_key

pytestmark = pytest.mark.peer

NOW = datetime.now(UTC).replace(microsecond=0)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


@dataclass(kw_only=True)
class Case:
    """A certificate, and what it is verified with, as PEM files."""

    leaf: Credential
    trusted: Sequence[Path] = ()
    untrusted: Sequence[Path] = ()
    crls: Sequence[Path] = ()
    directories: Sequence[Path] = ()
    crl_check: bool = False
    text: str = openssl.OK


def _crl(authority: Authority, name: str, *revoked: Revoked, **times: datetime) -> Path:
    crl = x509.load_der_x509_crl(authority.crl(*revoked, **times))
    path = authority.folder / name
    path.write_bytes(crl.public_bytes(Encoding.PEM))
    return path


def _hashed(folder: Path, *paths: Path) -> Path:
    folder.mkdir()
    for number, path in enumerate(paths):
        (folder / f"{number}.pem").write_bytes(path.read_bytes())
    assert peers.openssl("rehash", folder).exit_code == 0
    return folder


class Bench:
    """Authorities of every kind that the cases need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = Authority(folder / "root", "Root", now=NOW)
        self.other = Authority(folder / "other", "Other Root", now=NOW)
        self.sub = self.root.subordinate(folder / "sub")
        self.leaf = self.root.issue("leaf")
        self.below = self.sub.issue("below")
        self.root_file = self.root.certificate_path
        self.sub_file = self.sub.certificate_path
        self.revoked = Revoked(self.leaf.certificate.serial_number, NOW - DAY / 2)

    def authority(self, name: str, **odd: object) -> Authority:
        return self.root.subordinate(self.folder / name, name, **odd)

    def signed_by(self, issuer: Credential, key: str = "attacker") -> Credential:
        """A certificate that names `issuer` and that somebody else signed."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "forged")])
        builder = x509.CertificateBuilder(
            issuer.certificate.subject, name, private_key("p256", "forged").public_key(), 1, NOW - DAY, NOW + DAY
        )
        certificate = builder.sign(private_key("p256", key), hashes.SHA256())
        path = self.folder / "forged.pem"
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        keyed = self.root.issue("forged")
        return Credential(certificate=certificate, key=keyed.key, certificate_path=path, key_path=keyed.key_path)

    def self_signed(self) -> Credential:
        return Authority(self.folder / "self", "Self", now=NOW, is_ca=False).credential


def _unknown_issuer(b: Bench) -> Case:
    return Case(leaf=b.leaf, text="unable to get local issuer certificate")


def _wrong_anchor(b: Bench) -> Case:
    return Case(leaf=b.leaf, trusted=[b.other.certificate_path], text="unable to get local issuer certificate")


def _trusted(b: Bench) -> Case:
    return Case(leaf=b.leaf, trusted=[b.root_file])


def _leaf_as_anchor(b: Bench) -> Case:
    return Case(leaf=b.leaf, trusted=[b.leaf.certificate_path], text="unable to get local issuer certificate")


def _self_signed(b: Bench) -> Case:
    return Case(leaf=b.self_signed(), text="self-signed certificate")


def _self_signed_trusted(b: Bench) -> Case:
    leaf = b.self_signed()
    return Case(leaf=leaf, trusted=[leaf.certificate_path])


def _root_untrusted(b: Bench) -> Case:
    return Case(leaf=b.leaf, untrusted=[b.root_file], text="self-signed certificate in certificate chain")


def _other_root_trusted(b: Bench) -> Case:
    text = "self-signed certificate in certificate chain"
    return Case(leaf=b.leaf, untrusted=[b.root_file], trusted=[b.other.certificate_path], text=text)


def _intermediate_missing(b: Bench) -> Case:
    return Case(leaf=b.below, trusted=[b.root_file], text="unable to get local issuer certificate")


def _intermediate_untrusted(b: Bench) -> Case:
    return Case(leaf=b.below, trusted=[b.root_file], untrusted=[b.sub_file])


def _intermediate_only_anchor(b: Bench) -> Case:
    return Case(leaf=b.below, trusted=[b.sub_file], text="unable to get issuer certificate")


def _both_trusted(b: Bench) -> Case:
    return Case(leaf=b.below, trusted=[b.sub_file, b.root_file])


def _expired_leaf(b: Bench) -> Case:
    leaf = b.root.issue("expired", not_before=NOW - 9 * DAY, not_after=NOW - 2 * DAY)
    return Case(leaf=leaf, trusted=[b.root_file], text="certificate has expired")


def _future_leaf(b: Bench) -> Case:
    leaf = b.root.issue("future", not_before=NOW + 2 * DAY)
    return Case(leaf=leaf, trusted=[b.root_file], text="certificate is not yet valid")


def _expired_root(b: Bench) -> Case:
    root = Authority(b.folder / "xroot", "Old Root", now=NOW, not_before=NOW - YEAR, not_after=NOW - DAY)
    return Case(leaf=root.issue("x1"), trusted=[root.certificate_path], text="certificate has expired")


def _expired_intermediate(b: Bench) -> Case:
    sub = b.authority("xsub", not_before=NOW - YEAR, not_after=NOW - DAY)
    return Case(
        leaf=sub.issue("x2"),
        trusted=[b.root_file],
        untrusted=[sub.certificate_path],
        text="certificate has expired",
    )


def _future_intermediate(b: Bench) -> Case:
    sub = b.authority("fsub", not_before=NOW + DAY)
    return Case(
        leaf=sub.issue("x3"),
        trusted=[b.root_file],
        untrusted=[sub.certificate_path],
        text="certificate is not yet valid",
    )


def _path_length(b: Bench) -> Case:
    first = b.authority("p1", path_length=0)
    second = first.subordinate(b.folder / "p2", "p2")
    return Case(
        leaf=second.issue("x4"),
        trusted=[b.root_file],
        untrusted=[first.certificate_path, second.certificate_path],
        text="path length constraint exceeded",
    )


def _path_length_of_root(b: Bench) -> Case:
    root = Authority(b.folder / "proot", "Short Root", now=NOW, path_length=0)
    sub = root.subordinate(b.folder / "psub", "below short")
    return Case(
        leaf=sub.issue("x4b"),
        trusted=[root.certificate_path],
        untrusted=[sub.certificate_path],
        text="path length constraint exceeded",
    )


def _critical_extension(b: Bench) -> Case:
    leaf = b.root.issue("x5", extensions=[(UNKNOWN, True)])
    return Case(leaf=leaf, trusted=[b.root_file], text="unhandled critical extension")


def _not_an_authority(b: Bench) -> Case:
    sub = b.authority("notca", is_ca=False)
    return Case(
        leaf=sub.issue("undernotca"),
        trusted=[b.root_file],
        untrusted=[sub.certificate_path],
        text="invalid CA certificate",
    )


def _forged(b: Bench) -> Case:
    return Case(leaf=b.signed_by(b.root.credential), trusted=[b.root_file], text="certificate signature failure")


def _forged_under_expired_root(b: Bench) -> Case:
    root = Authority(b.folder / "a25", "A25 Root", now=NOW, not_before=NOW - YEAR, not_after=NOW - DAY)
    leaf = b.signed_by(root.credential)
    return Case(leaf=leaf, trusted=[root.certificate_path], text="certificate has expired")


def _weak_key(b: Bench) -> Case:
    root = Authority(b.folder / "weak", "Weak Root", now=NOW, key="rsa1024")
    return Case(leaf=root.issue("x6", "rsa1024"), trusted=[root.certificate_path])


def _tls_client_only(b: Bench) -> Case:
    return Case(leaf=b.root.issue("client", purposes=["client"]), trusted=[b.root_file])


def _authority_signs(b: Bench) -> Case:
    return Case(leaf=b.sub.credential, trusted=[b.root_file])


def _revoked_unchecked(b: Bench) -> Case:
    crl = _crl(b.root, "unchecked.crl", b.revoked)
    assert crl.is_file()
    return Case(leaf=b.leaf, trusted=[b.root_file])


def _revoked(b: Bench) -> Case:
    crls = [_crl(b.root, "revoked.crl", b.revoked)]
    return Case(leaf=b.leaf, trusted=[b.root_file], crls=crls, crl_check=True, text="certificate revoked")


def _good_with_crl(b: Bench) -> Case:
    return Case(leaf=b.leaf, trusted=[b.root_file], crls=[_crl(b.root, "good.crl")], crl_check=True)


def _no_crl(b: Bench) -> Case:
    return Case(leaf=b.leaf, trusted=[b.root_file], crl_check=True, text="unable to get certificate CRL")


def _expired_crl(b: Bench) -> Case:
    crls = [_crl(b.root, "old.crl", b.revoked, at=NOW - 9 * DAY, until=NOW - 2 * DAY)]
    return Case(leaf=b.leaf, trusted=[b.root_file], crls=crls, crl_check=True, text="CRL has expired")


def _future_crl(b: Bench) -> Case:
    crls = [_crl(b.root, "future.crl", at=NOW + 2 * DAY)]
    return Case(leaf=b.leaf, trusted=[b.root_file], crls=crls, crl_check=True, text="CRL is not yet valid")


def _forged_crl(b: Bench) -> Case:
    crl = x509.load_der_x509_crl(b.root.crl(signer=private_key("p256", "attacker")))
    path = b.folder / "forged.crl"
    path.write_bytes(crl.public_bytes(Encoding.PEM))
    return Case(leaf=b.leaf, trusted=[b.root_file], crls=[path], crl_check=True, text="CRL signature failure")


def _crl_of_leaf_only(b: Bench) -> Case:
    return Case(
        leaf=b.below, trusted=[b.root_file], untrusted=[b.sub_file], crls=[_crl(b.sub, "sub.crl")], crl_check=True
    )


def _crl_of_root_only(b: Bench) -> Case:
    return Case(
        leaf=b.below,
        trusted=[b.root_file],
        untrusted=[b.sub_file],
        crls=[_crl(b.root, "rootonly.crl")],
        crl_check=True,
        text="unable to get certificate CRL",
    )


def _directory(b: Bench) -> Case:
    return Case(leaf=b.leaf, directories=[_hashed(b.folder / "hd", b.root_file, b.other.certificate_path)])


def _directory_with_intermediate(b: Bench) -> Case:
    return Case(leaf=b.below, directories=[_hashed(b.folder / "hdi", b.root_file, b.sub_file)])


def _directory_of_roots(b: Bench) -> Case:
    return Case(leaf=b.below, untrusted=[b.sub_file], directories=[_hashed(b.folder / "hdr", b.root_file)])


def _directory_without_hash_names(b: Bench) -> Case:
    return Case(leaf=b.leaf, directories=[b.root.folder], text="unable to get local issuer certificate")


def _directory_with_crl(b: Bench) -> Case:
    crl = _crl(b.root, "hashed.crl", b.revoked)
    directories = [_hashed(b.folder / "hdc", b.root_file, crl)]
    return Case(leaf=b.leaf, directories=directories, crl_check=True, text="certificate revoked")


def _self_signed_in_directory(b: Bench) -> Case:
    leaf = b.self_signed()
    return Case(leaf=leaf, directories=[_hashed(b.folder / "hds", leaf.certificate_path)])


def _name_constraints(b: Bench) -> Case:
    permitted = x509.NameConstraints([x509.DNSName("hospital.example")], None)
    sub = b.authority("constrained", extensions=[(permitted, True)])
    return Case(
        leaf=sub.issue("elsewhere", hosts=["clinic.example"]),
        trusted=[b.root_file],
        untrusted=[sub.certificate_path],
        text="permitted subtree violation",
    )


def _over(digest: str, b: Bench) -> Case:
    """A signer's certificate over an old digest, which only openssl still makes."""
    root, key = Authority(b.folder / "rsa", "RSA Root", now=NOW, key="rsa2048"), b.root.issue("old")
    request, made, folder = b.folder / "request.pem", b.folder / "made.pem", b.folder / "database"
    folder.mkdir()
    (folder / "index").touch()
    configuration = folder / "ca.cnf"
    configuration.write_text(
        f"[ca]\ndefault_ca=c\n[c]\ndatabase={folder}/index\nnew_certs_dir={folder}\nrand_serial=yes\n"
        "policy=p\n[p]\ncommonName=supplied\n"
    )
    peers.openssl("req", "-new", "-key", key.key_path, "-subj", "/CN=old", "-out", request)
    keys = ("-cert", root.certificate_path, "-keyfile", root.credential.key_path, "-md", digest, "-batch", "-notext")
    # One that began in this second would be one of tomorrow to dcmsign.
    dates = ("-startdate", "20200101000000Z", "-enddate", "20500101000000Z")
    made_by = peers.openssl("ca", "-config", configuration, *keys, *dates, "-in", request, "-out", made)
    assert made_by.exit_code == 0, made_by.text
    certificate = x509.load_pem_x509_certificate(made.read_bytes())
    leaf = Credential(certificate=certificate, key=key.key, certificate_path=made, key_path=key.key_path)
    return Case(leaf=leaf, trusted=[root.certificate_path])


def _md5(b: Bench) -> Case:
    return _over("md5", b)


def _sha1(b: Bench) -> Case:
    return _over("sha1", b)


def _under(kind: str, b: Bench) -> Case:
    root = Authority(b.folder / kind, f"{kind} Root", now=NOW, key=kind)
    return Case(leaf=root.issue("leaf"), trusted=[root.certificate_path])


def _dsa_root(b: Bench) -> Case:
    return _under("dsa1024", b)


def _brainpool_root(b: Bench) -> Case:
    return _under("brainpoolp256", b)


CASES: tuple[Callable[[Bench], Case], ...] = (
    *(_unknown_issuer, _wrong_anchor, _trusted, _leaf_as_anchor, _self_signed, _self_signed_trusted, _root_untrusted),
    *(_other_root_trusted, _intermediate_missing, _intermediate_untrusted, _intermediate_only_anchor, _both_trusted),
    *(_expired_leaf, _future_leaf, _expired_root, _expired_intermediate, _future_intermediate, _path_length),
    *(_path_length_of_root, _critical_extension, _not_an_authority, _forged, _forged_under_expired_root, _weak_key),
    *(_tls_client_only, _authority_signs, _revoked_unchecked, _revoked, _good_with_crl, _no_crl, _expired_crl),
    *(_future_crl, _forged_crl, _crl_of_leaf_only, _crl_of_root_only, _directory, _directory_with_intermediate),
    *(_directory_of_roots, _directory_without_hash_names, _directory_with_crl, _self_signed_in_directory),
    *(_name_constraints, _md5, _sha1, _dsa_root, _brainpool_root),
)


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    make: Callable[[Bench], Case] = request.param
    return make(Bench(tmp_path))


DATES_FIRST = (_expired_leaf, _future_leaf)
"""Where dcmsign looks at the dates of the signer's certificate before it asks OpenSSL."""


def each(cases: Iterable[Callable[[Bench], Case]]) -> pytest.MarkDecorator:
    parameters = [pytest.param(make, id=make.__name__.strip("_")) for make in cases]
    return pytest.mark.parametrize("case", parameters, indirect=True)


def ours(case: Case) -> str:
    def der(paths: Sequence[Path], kind: str) -> list[bytes]:
        return [one for path in paths for one in getattr(read_bundle(path.read_bytes()), kind)]

    return openssl.verify(
        case.leaf.der,
        trusted=der(case.trusted, "certificates"),
        untrusted=der(case.untrusted, "certificates"),
        crls=der(case.crls, "crls"),
        directories=[certificate_directory(path) for path in case.directories],
        crl_check=case.crl_check,
        at=datetime.now(UTC),
    )


@each(CASES)
def test_the_verdict_is_that_of_openssl_verify(case: Case, tmp_path: Path) -> None:
    options: list[object] = ["-no-CAfile", "-no-CApath", "-no-CAstore"]
    if case.trusted:
        bundle = tmp_path / "trusted.pem"
        bundle.write_bytes(b"".join(path.read_bytes() for path in case.trusted))
        options += ["-CAfile", bundle]
    for path in case.untrusted:
        options += ["-untrusted", path]
    for path in case.crls:
        options += ["-CRLfile", path]
    for path in case.directories:
        options += ["-CApath", path]
    options += ["-crl_check"] if case.crl_check else []
    answer = peers.openssl("verify", *options, case.leaf.certificate_path).text
    found = re.search(r"error \d+ at \d+ depth lookup: (.*)", answer)
    assert ours(case) == (found[1] if found else openssl.OK) == case.text, answer


@each(make for make in CASES if make not in DATES_FIRST)
def test_the_verdict_is_that_of_dcmsign(case: Case, tmp_path: Path) -> None:
    signed = tmp_path / "signed.dcm"
    made = peers.dcmsign(
        "+s", case.leaf.key_path, case.leaf.certificate_path, "+m2", samples.sample("CT_small.dcm"), signed
    )
    assert made.exit_code == 0, made.text
    options: list[object] = []
    for option, paths in (
        ("+cf", case.trusted),
        ("+uf", case.untrusted),
        ("+cr", case.crls),
        ("+cd", case.directories),
    ):
        for path in paths:
            options += [option, path]
    options += ["+cl"] if case.crl_check else []
    answer = peers.dcmsign("--verify", *options, signed).text
    found = re.search(
        r"Signature Verification : (?:signature is OK but certificate verification failed: )?(.*)", answer
    )
    assert found is not None, answer
    assert ours(case) == found[1].replace("OK", openssl.OK)
    assert ours(case) == case.text


def test_what_is_no_certificate_is_an_error_of_ours(pki: Authority) -> None:
    verify = partial(openssl.verify, at=NOW)
    with pytest.raises(KeyUnusable):
        verify(b"no certificate")
    leaf = pki.issue("leaf").der
    for wrong in ({"trusted": [b""]}, {"untrusted": [b"\x30\x00"]}, {"crls": [leaf]}):
        with pytest.raises(TrustFileUnusable):
            verify(leaf, **wrong)


def test_bytes_behind_the_certificate_do_not_matter(pki: Authority) -> None:
    assert openssl.verify(pki.issue("leaf").der + b"\0more", trusted=[pki.credential.der], at=pki.now) == openssl.OK
