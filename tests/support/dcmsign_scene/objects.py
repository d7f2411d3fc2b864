"""Objects without signatures, and small ones that are signed in any odd way."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pydicom
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from support import samples
from support.dcmsign_scene.certificates import NOW, Certificates
from support.elements import EXPLICIT, Writer, part10
from support.forging import MAC_PARAMETERS, SIGNATURES, Elements, body, even, forge, with_signatures
from support.pki import DAY, YEAR, Authority, Credential, private_key


def written(at: datetime) -> str:
    """A moment as Digital Signature DateTime."""
    return f"{at:%Y%m%d%H%M%S.%f}+0000"


def word(tag: int, vr: str, value: bytes, writer: Writer = EXPLICIT) -> bytes:
    return writer.element(tag, vr, even(value, b" " if vr in ("CS", "DT", "LO", "SH") else b"\0"))


class Objects(Certificates):
    """The same with objects to sign, and objects by signers whom not everybody trusts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._plain_objects()
        self._trust_objects()
        self._dates()

    def _plain_objects(self) -> None:
        for name, sample in {
            "plain": "CT_small.dcm",
            "rtplan": "rtplan.dcm",
            "j2k": "JPEG2000.dcm",
            "sr": "test-SR.dcm",
            "be": "MR_small_bigendian.dcm",
            "dfl": "image_dfl.dcm",
            "rle": "MR_small_RLE.dcm",
            "imp": "MR_small_implicit.dcm",
        }.items():
            shutil.copy(samples.sample(sample), self.folder / f"{name}.dcm")
        plain = pydicom.dcmread(self.folder / "plain.dcm")
        content = (self.folder / "plain.dcm").read_bytes()
        start = 132 + 12 + int(plain.file_meta.FileMetaInformationGroupLength)
        self.put("ds_le.raw", content[start:])
        del plain.SOPInstanceUID
        plain.save_as(self.folder / "nouid.dcm")
        self._report("sr2", "UNVERIFIED")
        self._report("srv", "VERIFIED")
        self._odd_objects()

    def _report(self, name: str, flag: str) -> None:
        report = pydicom.dcmread(self.folder / "sr.dcm")
        report.VerificationFlag = flag
        if flag == "VERIFIED":
            observer = pydicom.Dataset()
            observer.VerifyingObserverName, observer.VerifyingOrganization = "Doe^Jane", "Here"
            observer.VerificationDateTime = "20260101120000"
            report.VerifyingObserverSequence = [observer]
        report.save_as(self.folder / f"{name}.dcm")

    def _odd_objects(self) -> None:
        e = EXPLICIT.element
        un = [
            e(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"),
            e(0x00080060, "UN", b"CT"),
            EXPLICIT.sequence(0x00081140, EXPLICIT.item(e(0x00080060, "UN", b"CT"))),
            e(0x00090010, "LO", b"ACME"),
            e(0x00091001, "UN", b"abcd"),
        ]
        self.put("un.dcm", part10(b"".join(un)))
        empty = body() + EXPLICIT.sequence(0x00401101, EXPLICIT.item())
        self.put("ei.dcm", part10(empty))
        self.put("nothing.dcm", part10(b""))
        self.put("unsignable.dcm", part10(e(0x00080060, "UN", b"CT")))
        self.put("twice.dcm", part10(body() + e(0x00100010, "PN", b"B^C ")))
        self.put("cut.dcm", (self.folder / "plain.dcm").read_bytes()[:-3000])
        self.put("strange_syntax.dcm", part10(body(), "1.2.3.4.5"))
        self.put("empty_file.dcm", b"")

    def forged(self, name: str, credential: Credential, **odd: Any) -> None:
        """A small signed object; `odd` as in `forging.forge`."""
        self.put(f"{name}.dcm", part10(with_signatures(body(), forge(credential, **{"date": written(NOW), **odd}))))

    def _trust_objects(self) -> None:
        self.dcmsign("+s", "signer.key", "signer.pem", "+m2", "plain.dcm", "ok.dcm")
        self.dcmsign("+s", "selfsigned.key", "selfsigned.pem", "+m2", "plain.dcm", "self.dcm")
        self.dcmsign("+s", "selfsigned.key", "selfsigned.pem", "+m2", "ok.dcm", "two2.dcm")
        self.dcmsign("+s", "ecsigner.key", "ecsigner.pem", "plain.dcm", "ec.dcm")
        self.forged("exp_past", self.expired, date=written(NOW - 30 * DAY))
        self.forged("exp_now", self.expired)
        self.forged("fut_now", self.future)
        self.forged("fut_dt", self.future, date=written(NOW + 12 * DAY))
        self.forged("sig_in_future", self.signer, date=written(NOW + 12 * DAY))
        self.forged("rev", self.revoked)
        self.forged("sub_s", self.sub)
        self.forged("undernotca", self.notca.issue("Under Not CA", hosts=()))
        self.forged("clientonly", self.root.issue("Client Only", purposes=["client"], hosts=()))
        self.forged("issuer_signs", self.root.credential)
        self.forged("x1", self.xroot.issue("Under Expired Root", not_before=NOW - YEAR, hosts=()))
        self.forged("x2", self.xinter.issue("Under Expired Intermediate", not_before=NOW - YEAR, hosts=()))
        self.forged("x3", self.finter.issue("Under Future Intermediate", hosts=()))
        self.forged("x4", self.pinter2.issue("Under Too Deep", hosts=()))
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
        self.forged("x5", self.groot.issue("Unknown Extension", extensions=[(unknown, True)], hosts=()))
        self.forged("x6", self.small)
        wrong = Authority(self._pki / "fake", "Root")
        self.forged("fake", wrong.issue("Under Fake Root", hosts=()))
        self.fake_expired = self._forged_certificate()

    def _forged_certificate(self) -> Credential:
        """A certificate that names the expired root as its issuer, and is signed by anybody."""
        key = private_key("p256", "forger")
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Forged")]))
            .issuer_name(self.xroot.certificate.subject)
            .public_key(key.public_key())
            .serial_number(99)
            .not_valid_before(NOW - YEAR)
            .not_valid_after(NOW + YEAR)
            .sign(key, hashes.SHA256())
        )
        path = self._pki / "forged"
        return Credential(certificate=certificate, key=key, certificate_path=path, key_path=path)

    def put_pairs(self, name: str, *pairs: tuple[bytes, bytes], second_parameters: bytes = b"") -> None:
        content = body()
        macs = [pair[0] for pair in pairs] + ([second_parameters] if second_parameters else [])
        sequences = EXPLICIT.sequence(MAC_PARAMETERS, *macs) + EXPLICIT.sequence(
            SIGNATURES, *(pair[1] for pair in pairs)
        )
        self.put(f"{name}.dcm", part10(content + sequences))

    def _dates(self) -> None:
        day = f"{NOW:%Y%m%d}"
        dates = {
            "dt_date": day,
            "dt_year": f"{NOW:%Y}",
            "dt_month": f"{NOW:%Y%m}",
            "dt_nofrac": f"{NOW:%Y%m%d%H%M%S}",
            "dt_min": f"{NOW:%Y%m%d%H%M}",
            "d_1": f"{day}126000",
            "d_2": f"{day}000000.1234567",
            "d_3": f"{day}000000+0130",
            "d_4": day[:7],
            "d_5": f"{day}000000+1401",
            "d_6": f"{day}120060",
            "d_7": "20260230",
            "d_8": f"{day}12000",
            "d_9": f"{day}000000-1200",
            "d_e": "",
            "d_blank": "  ",
            "d_bad": "yesterday",
            "d_multi": f"{day}\\19990101",
        }
        for name, date in dates.items():
            self.forged(name, self.long_lived, date=date)
        without: Elements = {0x04000105: None}
        self.forged("d_nodt", self.signer, item=without)
        self.forged("d_vr", self.signer, item={0x04000105: word(0x04000105, "LO", written(NOW).encode())})

    @property
    def long_lived(self) -> Credential:
        """A signer whose certificate began years ago."""
        if self._old is None:
            self._old = self.root.issue("Long Lived", "p256", not_before=NOW - 3 * YEAR, hosts=())
        return self._old
