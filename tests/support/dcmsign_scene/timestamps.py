"""Timestamp queries, responses and tokens of any odd kind, and objects with the tokens in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pydicom
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.signature.keys import der_length, signature_bytes
from support import tokens
from support.dcmsign_scene.certificates import NOW
from support.dcmsign_scene.damages import Damages
from support.dcmsign_scene.objects import written
from support.forging import even
from support.pki import DAY, YEAR, Credential, Revoked

POLICY = "1.3.6.1.4.1.99999.1"
OTHER_POLICY = "1.3.6.1.4.1.99999.2"


class Timestamps(Damages):
    """The same with timestamps."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._timestamps()

    def _timestamps(self) -> None:
        critical = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        stamping: dict[str, Any] = {"extensions": [(critical, True)], "hosts": ()}
        old: dict[str, Any] = {"not_before": NOW - 2 * YEAR, "not_after": NOW - 20 * DAY}
        self.tsa = self.root.issue("TSA", **stamping)
        tsas = {
            "other_root": self.root2.issue("TSA 2", **stamping),
            "no_eku": self.root.issue("TSA no EKU", hosts=()),
            "not_critical": self.root.issue("TSA not critical", purposes=["timestamping"], hosts=()),
            "client": self.root.issue("TSA client", purposes=["client"], hosts=()),
            "expired": self.root.issue("TSA expired", **stamping, **old),
            "young": self.root.issue("TSA young", **stamping, not_before=NOW - timedelta(hours=1)),
            "short": self.root.issue("TSA short", **stamping, not_after=NOW + timedelta(hours=9)),
        }
        self.put("tsa.pem", self.tsa.pem)
        self._credential("tsa", self.tsa)
        revoked = self.root.crl(Revoked(self.tsa.certificate.serial_number, NOW - DAY / 2), at=NOW - DAY / 4)
        self.put("crl_tsa.pem", x509.load_der_x509_crl(revoked).public_bytes(Encoding.PEM))
        self._queries()
        self._responses()
        self._stamped(tsas)

    def _queries(self) -> None:
        key = ("+s", "signer.key", "signer.pem", "+m2")
        self.dcmsign(*key, "+ts", "t.tsq", "t.uid", "plain.dcm", "t.dcm")
        self.dcmsign(*key, "+ts", "u.tsq", "u.uid", "plain.dcm", "u.dcm")
        self.dcmsign(*key, "+ts", "nn.tsq", "nn.uid", "-tn", "plain.dcm", "nn.dcm")
        self.dcmsign(*key, "+ts", "pol.tsq", "pol.uid", "+tp", POLICY, "plain.dcm", "pol.dcm")
        self.dcmsign("+s", "ecsigner.key", "ecsigner.pem", "+ts", "ec.tsq", "ec.uid", "plain.dcm", "ect.dcm")

    def _value(self, name: str) -> bytes:
        """The signature value of an object without its pad byte."""
        item = pydicom.dcmread(self.folder / name).DigitalSignaturesSequence[-1]
        der = bytes(item.CertificateOfSigner)
        certificate = x509.load_der_x509_certificate(der[: der_length(der)])
        return signature_bytes(bytes(item.Signature), certificate.public_key())

    def _nonce(self, name: str) -> int | None:
        from asn1crypto import tsp

        nonce = tsp.TimeStampReq.load((self.folder / name).read_bytes())["nonce"].native
        return None if nonce is None else int(nonce)

    def _responses(self) -> None:
        value, nonce = self._value("t.dcm"), self._nonce("t.tsq")
        assert nonce is not None
        self.put("t.tsr", self._response("t.dcm", nonce=nonce))
        self.put("u.tsr", self._response("u.dcm", nonce=self._nonce("u.tsq")))
        self.put("ec.tsr", self._response("ect.dcm", nonce=self._nonce("ec.tsq")))
        self.put("nn.tsr", self._response("nn.dcm"))
        self.put("nn_nonce.tsr", self._response("nn.dcm", nonce=5))
        self.put("pol.tsr", self._response("pol.dcm", nonce=self._nonce("pol.tsq")))
        self.put("pol_other.tsr", self._response("pol.dcm", nonce=self._nonce("pol.tsq"), policy=OTHER_POLICY))
        self.put("nonce_differs.tsr", self._response("t.dcm", nonce=nonce + 1))
        self.put("nonce_missing.tsr", self._response("t.dcm"))
        self.put("imprint_differs.tsr", self._response("u.dcm", nonce=nonce))
        self.put("algorithm_differs.tsr", self._response("t.dcm", nonce=nonce, imprint="sha512"))
        self.put("sha224.tsq", tokens.query(value, imprint="sha224"))
        self.put("sha224.tsr", self._response("t.dcm", imprint="sha224"))
        self.put("length_differs.tsr", tokens.response(tokens.token(self.tsa, info=_short_imprint(value, nonce))))
        self.put("version2.tsr", self._response("t.dcm", nonce=nonce, version=2))
        good = tokens.token(self.tsa, value, nonce=nonce)
        self.put("status1.tsr", tokens.response(good, status=1))
        self.put("status1_text.tsr", tokens.response(good, status=1, texts=["changed a bit", "twice"]))
        for status in (2, 3, 4, 5, 6):
            self.put(f"status{status}.tsr", tokens.response(None, status=status, texts=["no way"], failures=[0]))
        self.put("all_failures.tsr", tokens.response(None, status=2, failures=[0, 2, 5, 14, 15, 16, 17, 25]))
        self.put("granted_without.tsr", tokens.response(None))

    def _response(self, name: str, **of_token: Any) -> bytes:
        return tokens.response(tokens.token(self.tsa, self._value(name), **of_token))

    def _stamped(self, tsas: Mapping[str, Credential]) -> None:
        """Signed objects with tokens of any kind in them."""
        value = self._value("t.dcm")
        tsa = self.tsa
        name = asn1_x509.Name.build({"common_name": "Somebody else"})
        own_name = asn1_x509.Certificate.load(tsa.der).subject
        made: dict[str, bytes] = {
            "t_out": tokens.token(tsa, value),
            "v_full": tokens.token(
                tsa,
                value,
                nonce=0x1234567890ABCDEF,
                accuracy={"seconds": 1, "millis": 500, "micros": 100},
                ordering=True,
                tsa=own_name,
                serial_number=0x0A0B0C,
            ),
            "v_accuracy": tokens.token(tsa, value, accuracy={"seconds": 2}),
            "v_other_root": tokens.token(tsas["other_root"], value),
            "v_no_eku": tokens.token(tsas["no_eku"], value),
            "v_not_critical": tokens.token(tsas["not_critical"], value),
            "v_client": tokens.token(tsas["client"], value),
            "v_no_certificate": tokens.token(tsa, value, certificates=[]),
            "v_digest": tokens.token(tsa, value, attributes={tokens.MESSAGE_DIGEST: [bytes(32)]}),
            "v_name": tokens.token(tsa, value, tsa=name),
            "v_own_name": tokens.token(tsa, value, tsa=own_name),
            "v_before_signer": tokens.token(self._long_tsa, value, gen_time=f"{NOW - 40 * DAY:%Y%m%d%H%M%SZ}"),
            "v_before_tsa": tokens.token(tsas["young"], value, gen_time=f"{NOW - timedelta(hours=9):%Y%m%d%H%M%SZ}"),
            "v_after_tsa": tokens.token(tsas["short"], value, gen_time=f"{NOW + DAY:%Y%m%d%H%M%SZ}"),
            "v_future": tokens.token(tsa, value, gen_time=f"{NOW + 9 * DAY:%Y%m%d%H%M%SZ}"),
            "v_expired_tsa": tokens.token(tsas["expired"], value, gen_time=f"{NOW - timedelta(hours=2):%Y%m%d%H%M%SZ}"),
            "v_other_signature": tokens.token(tsa, self._value("u.dcm")),
            "v_sha1": tokens.token(tsa, value, imprint="sha1"),
            "v_sha224": tokens.token(tsa, value, imprint="sha224"),
            "v_v1_ess": tokens.token(tsa, value, ess=("v1",)),
            "v_no_ess": tokens.token(tsa, value, ess=()),
            "v_other_ess": tokens.token(tsa, value, ess_certificate=self.signer.der),
            "v_extension": tokens.token(tsa, value, extensions=[("1.2.3.4", False)]),
        }
        broken = tokens.token(self._rsa_tsa, value)
        made["v_broken"] = broken[:-40] + bytes(40)
        made["v_broken_ec"] = tokens.token(tsa, value, content_instead=tokens.tst_info(value, serial_number=8))
        for file, token in made.items():
            self._with_token(f"{file}.dcm", "t.dcm", token)
        self._with_token("ect_out.dcm", "ect.dcm", tokens.token(tsa, self._value("ect.dcm")))
        self._with_token("pol_out.dcm", "pol.dcm", tokens.token(tsa, self._value("pol.dcm")))
        self._expired_and_stamped()

    @property
    def _long_tsa(self) -> Credential:
        critical = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        return self.groot.issue("Old TSA", not_before=NOW - 3 * YEAR, extensions=[(critical, True)], hosts=())

    @property
    def _rsa_tsa(self) -> Credential:
        critical = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        return self.root.issue("RSA TSA", "rsa2048", extensions=[(critical, True)], hosts=())

    def _with_token(self, name: str, source: str, token: bytes) -> None:
        data_set = pydicom.dcmread(self.folder / source)
        item = data_set.DigitalSignaturesSequence[-1]
        item.CertifiedTimestampType = "CMS_TSP"
        item.CertifiedTimestamp = even(token)
        data_set.save_as(self.folder / name)

    def _expired_and_stamped(self) -> None:
        then = written(NOW - 30 * DAY)
        self.forged("e", self.expired, date=then)
        value = self._value("e.dcm")
        old_tsa = self._long_tsa
        self._with_token("e_ts.dcm", "e.dcm", tokens.token(old_tsa, value, gen_time=f"{NOW - 29 * DAY:%Y%m%d%H%M%SZ}"))
        self._with_token("e_ts2.dcm", "e.dcm", tokens.token(old_tsa, value, gen_time=f"{NOW - 2 * DAY:%Y%m%d%H%M%SZ}"))
        self._with_token(
            "e_ts4.dcm", "e.dcm", tokens.token(old_tsa, b"another", gen_time=f"{NOW - 29 * DAY:%Y%m%d%H%M%SZ}")
        )
        self.forged("a25", self.fake_expired, date=then)
        token = tokens.token(old_tsa, self._value("a25.dcm"), gen_time=f"{NOW - 29 * DAY:%Y%m%d%H%M%SZ}")
        self._with_token("a25_ts.dcm", "a25.dcm", token)


def _short_imprint(value: bytes, nonce: int) -> bytes:
    """TSTInfo with a message imprint that is a byte too short for its algorithm."""
    from asn1crypto import tsp

    info = tsp.TSTInfo.load(tokens.tst_info(value, nonce=nonce))
    info["message_imprint"]["hashed_message"] = tokens.digest_of("sha256", value)[:-1]
    encoded: bytes = info.dump(force=True)
    return encoded
