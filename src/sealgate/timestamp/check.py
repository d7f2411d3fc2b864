"""Checking a timestamp token by the rules of RFC 3161 2.3 and 2.4.2, RFC 5652 5.4 and RFC 5816, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.errors import KeyUnusable, TimestampPart
from sealgate.signature.keys import is_weak, public_key_of
from sealgate.timestamp.algorithms import BY_OID, WEAK, digest_of, name_of
from sealgate.timestamp.cms_signature import SignatureUnsupported, is_cms_signature
from sealgate.timestamp.der import optional, printable, reading, within
from sealgate.timestamp.flaws import TokenFlaw, TokenProblem
from sealgate.timestamp.limits import MAX_ATTRIBUTES, MAX_CERTIFICATES
from sealgate.timestamp.query import VERSION
from sealgate.timestamp.signer import certificate_of
from sealgate.timestamp.token import TST_INFO, Token, content_of, signed_data_of

if TYPE_CHECKING:
    from asn1crypto import cms
    from asn1crypto import x509 as asn1_x509

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
"""Signed attributes (RFC 5652 section 11, RFC 2634 5.4, RFC 5035 section 3)."""

_PART = TimestampPart.TOKEN
_SHA1_OID = "1.3.14.3.2.26"

Problems = Iterator[TokenProblem]


def _problem(flaw: TokenFlaw, text: str) -> TokenProblem:
    return TokenProblem(flaw=flaw, text=text)


def check_token(token: Token, signature_value: bytes, *, untrusted: Sequence[bytes] = ()) -> tuple[TokenProblem, ...]:
    """What is wrong with a token over `signature_value` (without its pad byte); nothing, where the result is empty.

    Checked by RFC 3161 2.3 and 2.4.2 with RFC 5816: one signer, the signed attributes, the CMS signature, the
    certificate of the TSA with its critical extended key usage, ESSCertID or ESSCertIDv2, the version, the imprint,
    the name of the TSA, and that genTime lies within the validity of the certificate of the TSA. Its path is not
    judged here. `untrusted` are DER certificates that may hold the one of the TSA where the token does not.
    Raises TimestampUnreadable where what `read_token` did not touch cannot be decoded.
    """
    with reading(_PART):
        signed_data = signed_data_of(token.encoded)
        encoded = _signer_certificate(token, signed_data, untrusted)
        found = list(_signer(signed_data, encoded))
        found += _content(token, signature_value)
        if encoded is not None:
            found += _authority(token, encoded)
    return tuple(sorted(found, key=_rank))


_ORDER = {flaw: rank for rank, flaw in enumerate(TokenFlaw)}


def _rank(problem: TokenProblem) -> int:
    return _ORDER[problem.flaw]


def signer_certificate(token: Token, untrusted: Iterable[bytes]) -> bytes | None:
    """DER of the certificate of the TSA: of the token itself, or of `untrusted` where the token has none.

    Raises TimestampUnreadable.
    """
    with reading(_PART):
        return _signer_certificate(token, signed_data_of(token.encoded), untrusted)


def _signer_certificate(token: Token, signed_data: cms.SignedData, untrusted: Iterable[bytes]) -> bytes | None:
    if token.signer_certificate is not None:
        return token.signer_certificate
    signers = signed_data["signer_infos"]
    return certificate_of(signers[0], untrusted) if len(signers) == 1 else None


def _signer(signed_data: cms.SignedData, encoded: bytes | None) -> Problems:
    """1. One signer; 2. its signed attributes; 3. its certificate; 4. its signature."""
    signers = signed_data["signer_infos"]
    if len(signers) != 1:
        yield _problem(TokenFlaw.NOT_ONE_SIGNER, f"the token has {len(signers)} signers; RFC 3161 allows only the TSA")
        return
    signer = signers[0]
    attributes = _attributes(signer)
    yield from _signed_attributes(attributes)
    yield from _message_digest(signer, attributes, content_of(signed_data))
    if encoded is None:
        yield _problem(
            TokenFlaw.SIGNER_CERTIFICATE_MISSING,
            "the token does not hold the certificate of the TSA, and it was not given either",
        )
        return
    yield from _signing_certificate(attributes, encoded)
    yield from _signature(signer, encoded)


def _attributes(signer: cms.SignerInfo) -> dict[str, list[Any]]:
    """Values of the signed attributes by object identifier; of an attribute that comes twice, those of both."""
    signed = optional(signer["signed_attrs"])
    found: dict[str, list[Any]] = {}
    if signed is None:
        return found
    within(signed, MAX_ATTRIBUTES, _PART, "signed attributes")
    for attribute in signed:
        values = found.setdefault(attribute["type"].dotted, [])
        within(attribute["values"], MAX_ATTRIBUTES, _PART, "values of an attribute")
        values.extend(attribute["values"])
    return found


def _signed_attributes(attributes: dict[str, list[Any]]) -> Problems:
    for oid, flaw, name in (
        (CONTENT_TYPE, TokenFlaw.CONTENT_TYPE, "content type"),
        (MESSAGE_DIGEST, TokenFlaw.SIGNED_ATTRIBUTES, "message digest"),
    ):
        count = len(attributes.get(oid, ()))
        if count != 1:
            yield _problem(flaw, f"the signed attributes of the token have the {name} {count} times, not once")
    content_types = attributes.get(CONTENT_TYPE, ())
    if any(value.dotted != TST_INFO for value in content_types):
        yield _problem(TokenFlaw.CONTENT_TYPE, "the content type in the signed attributes is not that of TSTInfo")


def _message_digest(signer: cms.SignerInfo, attributes: dict[str, list[Any]], content: bytes) -> Problems:
    oid = signer["digest_algorithm"]["algorithm"].dotted
    algorithm = BY_OID.get(oid)
    if algorithm is None:
        yield _problem(TokenFlaw.ALGORITHM_UNSUPPORTED, f"the digest {oid} of the token is not supported")
        return
    digests = attributes.get(MESSAGE_DIGEST, ())
    if any(bytes(value) != digest_of(algorithm, content) for value in digests):
        yield _problem(TokenFlaw.DIGEST, "the token was changed: the digest of its content is another one")
    if algorithm.name in WEAK:
        yield _problem(TokenFlaw.WEAK_SIGNATURE, f"the TSA signed with {algorithm}, which is no longer considered safe")


def _signing_certificate(attributes: dict[str, list[Any]], encoded: bytes) -> Problems:
    """ESSCertID or ESSCertIDv2 of the certificate of the TSA; where both are there, both count (RFC 5816 2.2.1)."""
    given = [(value, oid) for oid in (SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2) for value in attributes.get(oid, ())]
    counts = [len(attributes.get(oid, ())) for oid in (SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2)]
    if not given or max(counts) > 1:
        text = "the token does not say by SigningCertificate which certificate the TSA signed with (RFC 5816)"
        yield _problem(TokenFlaw.SIGNING_CERTIFICATE_MISSING, text)
        return
    for value, oid in given:
        identifiers = value["certs"]
        within(identifiers, MAX_CERTIFICATES, _PART, "certificate identifiers")
        # The first one is the signer's own (RFC 2634 5.4, RFC 5035 section 3); the others restrict its path.
        if not len(identifiers) or not _is_identified(identifiers[0], encoded, oid):
            text = "the token was signed with another certificate than its SigningCertificate says"
            yield _problem(TokenFlaw.SIGNING_CERTIFICATE, text)


def _is_identified(identifier: Any, encoded: bytes, oid: str) -> bool:  # noqa: ANN401  # asn1crypto is not annotated
    from asn1crypto import x509 as asn1_x509

    digest_oid = _SHA1_OID if oid == SIGNING_CERTIFICATE else identifier["hash_algorithm"]["algorithm"].dotted
    algorithm = BY_OID.get(digest_oid)
    if algorithm is None or bytes(identifier["cert_hash"]) != digest_of(algorithm, encoded):
        return False
    issuer_serial = optional(identifier["issuer_serial"])
    if issuer_serial is None:
        return True
    certificate = asn1_x509.Certificate.load(encoded, strict=True)
    names, issuer = issuer_serial["issuer"], certificate.issuer
    return (
        len(names) == 1
        and names[0].name == "directory_name"
        and names[0].chosen == issuer
        and issuer_serial["serial_number"].native == certificate.serial_number
    )


def _signature(signer: cms.SignerInfo, encoded: bytes) -> Problems:
    try:
        public_key = public_key_of(x509.load_der_x509_certificate(encoded))
    except (KeyUnusable, ValueError, x509.InvalidVersion):
        return  # _authority says it
    if is_weak(public_key):
        yield _problem(TokenFlaw.WEAK_SIGNATURE, "the key of the TSA is too small to be safe")
    try:
        good = is_cms_signature(public_key, signer)
    except SignatureUnsupported as error:
        yield _problem(TokenFlaw.ALGORITHM_UNSUPPORTED, f"the signature of the token: {error}")
        return
    if not good:
        yield _problem(TokenFlaw.SIGNATURE, "the signature of the token is not one of the TSA's key")


def _content(token: Token, signature_value: bytes) -> Problems:
    """5. What TSTInfo says."""
    if token.version != VERSION:
        yield _problem(TokenFlaw.VERSION, f"the token has version {token.version}, not {VERSION}")
    unknown = [extension.oid for extension in token.extensions if extension.critical]
    if unknown:
        text = f"the token has the extension {printable(unknown[0], 80)}, which is critical and not known here"
        yield _problem(TokenFlaw.CRITICAL_EXTENSION, text)
    algorithm = next((known for known in BY_OID.values() if known.name == token.hash_algorithm), None)
    if algorithm is None:
        text = f"the digest {name_of(token.hash_algorithm)} of the message imprint is not supported"
        yield _problem(TokenFlaw.IMPRINT_ALGORITHM, text)
    elif token.imprint != digest_of(algorithm, signature_value):
        yield _problem(TokenFlaw.IMPRINT, "the timestamp is for another signature: its message imprint differs")
    elif algorithm.name in WEAK:
        text = f"the message imprint is made with {algorithm}, which is no longer considered safe"
        yield _problem(TokenFlaw.WEAK_IMPRINT, text)


def _authority(token: Token, encoded: bytes) -> Problems:
    """6. What the certificate of the TSA says: key usage, names, validity."""
    from asn1crypto import x509 as asn1_x509

    try:
        certificate = x509.load_der_x509_certificate(encoded)
        public_key_of(certificate)
        key_usage = tuple(_key_usage(certificate.extensions))
    except (
        KeyUnusable,
        ValueError,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        text = f"the certificate of the TSA cannot be read ({type(error).__name__})"
        yield _problem(TokenFlaw.SIGNER_CERTIFICATE_UNREADABLE, text)
        return
    yield from key_usage
    if token.tsa is not None and not _is_named(token.tsa, asn1_x509.Certificate.load(encoded, strict=True)):
        text = f"the token names {token.tsa_name!r} as TSA, and the certificate does not"
        yield _problem(TokenFlaw.TSA_NAME, text)
    if token.gen_time.replace(microsecond=0) < certificate.not_valid_before_utc:
        text = f"the timestamp of {token.gen_time_text} is older than the certificate of the TSA"
        yield _problem(TokenFlaw.BEFORE_TSA_VALIDITY, text)
    if token.gen_time.replace(microsecond=0) > certificate.not_valid_after_utc:
        text = f"the timestamp of {token.gen_time_text} was made after the certificate of the TSA had expired"
        yield _problem(TokenFlaw.AFTER_TSA_VALIDITY, text)


def _key_usage(extensions: x509.Extensions) -> Problems:
    """RFC 3161 2.3: critical extended key usage, and timeStamping as the only one."""
    try:
        extended = extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        extended = None
    if extended is None or not extended.critical or list(extended.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        text = "the certificate of the TSA does not have timeStamping as its only extended key usage, marked critical"
        yield _problem(TokenFlaw.EXTENDED_KEY_USAGE, text)
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment) or usage.key_cert_sign or usage.crl_sign:
        text = "the key usage of the certificate of the TSA does not allow signatures, or allows other things as well"
        yield _problem(TokenFlaw.KEY_USAGE, text)


def _is_named(tsa: bytes, certificate: asn1_x509.Certificate) -> bool:
    """Whether the name of the TSA is the subject of its certificate, or one of its alternative names."""
    from asn1crypto import x509 as asn1_x509

    name = asn1_x509.GeneralName.load(tsa, strict=True)
    if name.name == "directory_name" and name.chosen == certificate.subject:
        return True
    alternative = certificate.subject_alt_name_value
    return alternative is not None and any(name.dump() == other.dump() for other in alternative)
