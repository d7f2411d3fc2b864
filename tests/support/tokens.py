"""Timestamp queries, responses and tokens of any odd kind, made with asn1crypto and cryptography alone.

Unless it is asked for something else, what comes out is a correct token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos, cms, core, parser, tsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa

from support.pki import Credential
from support.tsa import POLICY

SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
OIDS: Mapping[str, str] = {
    "ripemd160": "1.3.36.3.2.1",
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "sha3-256": "2.16.840.1.101.3.4.2.8",
}
_HASHES: Mapping[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}

Change = Callable[[Any], None]


def digest_of(name: str, content: bytes) -> bytes:
    """Digest of `content` by hashlib's name."""
    return hashlib.new(name.replace("-", "_"), content).digest()


def tst_info(
    signature_value: bytes,
    *,
    imprint: str = "sha256",
    gen_time: str | None = None,
    policy: str = POLICY,
    serial_number: int = 7,
    version: int = 1,
    nonce: int | None = None,
    accuracy: Mapping[str, int] | None = None,
    ordering: bool = False,
    tsa: x509.Name | None = None,
    extensions: Sequence[tuple[str, bool]] = (),
) -> bytes:
    """DER of a TSTInfo over `signature_value`; `gen_time` is the text of the GeneralizedTime, by default now."""
    fields: dict[str, Any] = {
        "version": version,
        "policy": policy,
        "message_imprint": {
            "hash_algorithm": {"algorithm": OIDS[imprint]},
            "hashed_message": digest_of(imprint, signature_value),
        },
        "serial_number": serial_number,
        "gen_time": datetime.now(UTC),
    }
    if accuracy is not None:
        fields["accuracy"] = dict(accuracy)
    if ordering:
        fields["ordering"] = True
    if nonce is not None:
        fields["nonce"] = nonce
    if tsa is not None:
        fields["tsa"] = x509.GeneralName("directory_name", tsa)
    if extensions:
        fields["extensions"] = [
            {"extn_id": oid, "critical": critical, "extn_value": b"\x05\x00"} for oid, critical in extensions
        ]
    info = tsp.TSTInfo(fields)
    encoded: bytes = info.dump()
    if gen_time is not None:
        old = info["gen_time"].dump()
        replacement = b"\x18" + bytes([len(gen_time)]) + gen_time.encode("ascii")
        content = b"".join(replacement if part == old else part for part in _parts(encoded))
        encoded = _sequence(content)
    return encoded


def _parts(encoded: bytes) -> list[bytes]:
    """What stands in a SEQUENCE, each part as it is encoded."""
    content, parts = parser.parse(encoded)[4], []
    while content:
        size = parser.peek(content)
        parts.append(content[:size])
        content = content[size:]
    return parts


def _sequence(content: bytes, tag: int = 0x30) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of encoded parts."""
    return _sequence(b"".join(parts))


def token(
    credential: Credential,
    signature_value: bytes = b"",
    *,
    info: bytes | None = None,
    digest: str = "sha256",
    scheme: str = "default",
    ess: Sequence[str] = ("v2",),
    ess_certificate: bytes | None = None,
    ess_digest: str = "sha256",
    certificates: Sequence[bytes] | None = None,
    attributes: Mapping[str, Sequence[Any] | None] | None = None,
    signers: int = 1,
    by_key_identifier: bool = False,
    signed_attributes: bool = True,
    content_type: str = "1.2.840.113549.1.9.16.1.4",
    content_instead: bytes | None = None,
    change: Change | None = None,
    **of_tst_info: Any,
) -> bytes:
    """DER of a TimeStampToken by `credential`.

    `attributes` replace signed attributes by object identifier, or leave them out (None). `scheme` is "default" (PKCS
    #1 v1.5, ECDSA or DSA by the kind of the key), "plain" (the same under the key's own algorithm identifier) or
    "pss". `content_instead` stands in the token in place of what was signed. `change`
    gets the SignedData before it is encoded.
    """
    content = tst_info(signature_value, **of_tst_info) if info is None else info
    identified = credential.der if ess_certificate is None else ess_certificate
    values: dict[str, Sequence[Any] | None] = {
        CONTENT_TYPE: [content_type],
        MESSAGE_DIGEST: [digest_of(digest, content)],
        SIGNING_CERTIFICATE: [_signing_certificate(identified)] if "v1" in ess else None,
        SIGNING_CERTIFICATE_V2: [_signing_certificate_v2(identified, ess_digest)] if "v2" in ess else None,
        **(attributes or {}),
    }
    signed = cms.CMSAttributes(
        [{"type": oid, "values": list(value)} for oid, value in values.items() if value is not None]
    )
    signer = _signer_info(credential, signed, digest, scheme, by_key_identifier)
    if not signed_attributes:
        fields = ("version", "sid", "digest_algorithm", "signature_algorithm", "signature")
        signer = cms.SignerInfo({name: signer[name] for name in fields})
    held = [credential.der] if certificates is None else certificates
    signed_data = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": OIDS[digest]}],
            "encap_content_info": {"content_type": "data", "content": b""},
            "certificates": [cms.CertificateChoices("certificate", x509.Certificate.load(der)) for der in held],
            "signer_infos": [signer] * signers,
        }
    )
    if change is not None:
        change(signed_data)
    parts = _parts(signed_data.dump(force=True))
    shown = content if content_instead is None else content_instead
    octets = _sequence(_sequence(shown, 0x04), 0xA0)
    parts[2] = sequence(core.ObjectIdentifier(content_type).dump(), octets)  # asn1crypto would take none but good ones
    return sequence(core.ObjectIdentifier(SIGNED_DATA).dump(), _sequence(sequence(*parts), 0xA0))


def _signing_certificate(der: bytes) -> dict[str, Any]:
    return {"certs": [{"cert_hash": digest_of("sha1", der)}]}


def _signing_certificate_v2(der: bytes, digest: str) -> dict[str, Any]:
    certificate = x509.Certificate.load(der)
    serial = {
        "issuer": [x509.GeneralName("directory_name", certificate.issuer)],
        "serial_number": certificate.serial_number,
    }
    identifier: dict[str, Any] = {"cert_hash": digest_of(digest, der), "issuer_serial": serial}
    if digest != "sha256":
        identifier["hash_algorithm"] = {"algorithm": OIDS[digest]}
    return {"certs": [identifier]}


def _signer_info(
    credential: Credential, signed: cms.CMSAttributes, digest: str, scheme: str, by_key_identifier: bool
) -> cms.SignerInfo:
    certificate = x509.Certificate.load(credential.der)
    named = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    identifier = cms.SignerIdentifier("issuer_and_serial_number", cms.IssuerAndSerialNumber(named))
    if by_key_identifier:
        identifier = cms.SignerIdentifier("subject_key_identifier", core.OctetString(certificate.key_identifier))
    algorithm, value = _signature(credential, signed.dump(), digest, scheme)
    return cms.SignerInfo(
        {
            "version": "v1",
            "sid": identifier,
            "digest_algorithm": {"algorithm": OIDS[digest]},
            "signed_attrs": signed,
            "signature_algorithm": algorithm,
            "signature": value,
        }
    )


def _signature(credential: Credential, signed: bytes, digest: str, scheme: str) -> tuple[Any, bytes]:
    key, hash_ = credential.key, _HASHES[digest]()
    if isinstance(key, rsa.RSAPrivateKey) and scheme == "pss":
        parameters = {
            "hash_algorithm": {"algorithm": OIDS[digest]},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": OIDS[digest]}},
            "salt_length": hash_.digest_size,
        }
        value = key.sign(signed, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)
        return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters}), value
    if isinstance(key, rsa.RSAPrivateKey):
        value, name = key.sign(signed, padding.PKCS1v15(), hash_), f"{digest}_rsa"
        return {"algorithm": "rsassa_pkcs1v15" if scheme == "plain" else name}, value
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {"algorithm": f"{digest}_ecdsa"}, key.sign(signed, ec.ECDSA(hash_))
    assert isinstance(key, dsa.DSAPrivateKey)
    return {"algorithm": f"{digest}_dsa"}, key.sign(signed, hash_)


def response(
    token_: bytes | None,
    *,
    status: int = 0,
    texts: Sequence[str] = (),
    failures: Sequence[int] = (),
) -> bytes:
    """DER of a TimeStampResp with a PKIStatus, texts and bits of PKIFailureInfo."""
    info: dict[str, Any] = {"status": status}
    if texts:
        info["status_string"] = list(texts)
    if failures:
        bits = [1 if bit in failures else 0 for bit in range(max(failures) + 1)]
        info["fail_info"] = tuple(bits)
    parts = [tsp.PKIStatusInfo(info).dump(), *([token_] if token_ is not None else [])]
    return sequence(*parts)


def query(
    signature_value: bytes, *, imprint: str = "sha256", nonce: int | None = None, policy: str | None = None
) -> bytes:
    """DER of a TimeStampReq."""
    fields: dict[str, Any] = {
        "version": 1,
        "message_imprint": {
            "hash_algorithm": {"algorithm": OIDS[imprint]},
            "hashed_message": digest_of(imprint, signature_value),
        },
        "cert_req": True,
    }
    if nonce is not None:
        fields["nonce"] = nonce
    if policy is not None:
        fields["req_policy"] = policy
    encoded: bytes = tsp.TimeStampReq(fields).dump()
    return encoded
