"""Sign and verify whole files in memory, as the layers above the engine do it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from sealgate.dicom import splice
from sealgate.dicom.deflate import deflate
from sealgate.dicom.part10 import DataSet, open_file
from sealgate.dicom.scan import Carrier, scan
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.create import CreatedSignature, SigningOptions, sign
from sealgate.signature.keys import KeySigner
from sealgate.trust.store import TrustStore
from sealgate.verification.report import DataSetReport
from sealgate.verification.verify import Judging, verify
from support.pki import Authority, Credential

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The moment at which unit tests sign and judge."""
UID = "1.2.826.0.1.3680043.10.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A file before and after it was signed."""

    original: DataSet
    created: CreatedSignature
    data_set: bytes
    """The data set with the signature in it; inflated where the file has it deflated."""
    file: bytes

    def without_insertions(self) -> bytes:
        """The signed data set with everything cut again that was inserted, and what was cut put back."""
        parts: list[bytes] = []
        position = before = 0
        for edit in sorted(self.created.edits, key=lambda edit: edit.offset):
            position_of_edit = position + edit.offset - before
            parts.append(self.data_set[position:position_of_edit])
            parts.append(bytes(self.original.source.view[edit.offset : edit.offset + edit.cut]))
            position = position_of_edit + len(edit.inserted)
            before = edit.offset + edit.cut
        return b"".join((*parts, self.data_set[position:]))


def opened(file: bytes) -> tuple[DataSet, Carrier]:
    """The data set of a file, and its scan."""
    data_set = open_file(file)
    return data_set, scan(data_set.source, data_set.encoding)


def signer(credential: Credential) -> KeySigner:
    """A key of the test authority as what signs."""
    assert isinstance(credential.key, rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey)
    return KeySigner(credential.key, credential.der)


def signed(
    file: bytes,
    credential: Credential,
    *,
    mac_algorithm: str = "SHA256",
    elements: tuple[int, ...] | None = None,
    at: datetime = AT,
    uid: str = UID,
) -> Signed:
    """Sign a file, or a bare data set."""
    data_set, carrier = opened(file)
    options = SigningOptions(mac_algorithm=MAC_ALGORITHMS[mac_algorithm], elements=elements)
    created = sign(carrier, data_set.syntax, signer(credential), options, digital_signature_uid=uid, at=at)
    spliced = b"".join(splice.pieces(data_set.source, created.edits))
    stored = b"".join(deflate([spliced])) if data_set.syntax.deflated else spliced
    return Signed(original=data_set, created=created, data_set=spliced, file=bytes(data_set.header) + stored)


def anchors(*authorities: Authority) -> TrustStore:
    """Authorities as trust anchors."""
    return TrustStore(anchors=tuple(authority.credential.der for authority in authorities))


def verified(file: bytes, trusted: TrustStore, *, at: datetime = AT) -> DataSetReport:
    """Verify every signature of a file, or of a bare data set."""
    data_set, carrier = opened(file)
    return verify(carrier, data_set.syntax, Judging(store=trusted, now=at))
