"""Makes the example of docs/verification-report.md: a signed CT slice without a patient, its report, and a photograph.

Run from the root of a checkout: python scripts/make_report_example.py FOLDER. It writes report.html to FOLDER and,
where Chromium and Pillow are installed, report.png. Keys and authorities are made for the occasion and thrown away.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from sealgate.dicom import splice  # noqa: E402
from sealgate.dicom.part10 import open_file  # noqa: E402
from sealgate.dicom.scan import scan  # noqa: E402
from sealgate.library.report.html_report import write_html_report  # noqa: E402
from sealgate.signature.algorithms import MAC_ALGORITHMS  # noqa: E402
from sealgate.signature.create import SigningOptions, sign  # noqa: E402
from sealgate.signature.profiles import PROFILES, ProfileName  # noqa: E402
from sealgate.signature.purposes import PURPOSES  # noqa: E402
from sealgate.timestamp.insert import insert_token  # noqa: E402
from sealgate.trust.store import TrustStore  # noqa: E402
from sealgate.verification.judging import Judging  # noqa: E402
from sealgate.verification.verify import verify  # noqa: E402
from support import samples, signing, tokens  # noqa: E402
from support.pki import Authority  # noqa: E402
from support.tsa import tsa_credential  # noqa: E402

SIGNED_AT = datetime(2026, 3, 1, 9, 41, 7, tzinfo=UTC)
UID = "2.25.213074911582530918475920118364507551213"
WIDTH, HEIGHT = 1120, 1480
COLOURS = 240


def spliced(file: bytes, edits: tuple[splice.Edit, ...]) -> bytes:
    """The file with edits in its data set."""
    data_set = open_file(file)
    return bytes(data_set.header) + b"".join(splice.pieces(data_set.source, edits))


def signed_slice(root: Authority, department: Authority) -> bytes:
    """pydicom's CT slice, signed by a device and time-stamped."""
    file = samples.sample("CT_small.dcm").read_bytes()
    file = file[: file.rindex(b"\xfc\xff\xfc\xff")]  # padding that holds something, which no signature can cover
    data_set, carrier = signing.opened(file)
    device = department.issue("CT Scanner 2, Lakeside Clinic", "rsa3072", hosts=())
    options = SigningOptions(
        mac_algorithm=MAC_ALGORITHMS["SHA256"], profile=PROFILES[ProfileName.CREATOR], purpose=PURPOSES[14]
    )
    created = sign(carrier, data_set.syntax, signing.signer(device), options, digital_signature_uid=UID, at=SIGNED_AT)
    file = spliced(file, created.edits)
    authority = tsa_credential(root, "Lakeside Time Stamping")
    stamped_at = SIGNED_AT + timedelta(seconds=2)
    token = tokens.token(authority, created.signature_value, gen_time=f"{stamped_at:%Y%m%d%H%M%S}Z")
    return spliced(file, insert_token(signing.opened(file)[1], UID, token))


def make(folder: Path) -> Path:
    """Write the report."""
    with tempfile.TemporaryDirectory() as keys:
        root = Authority(Path(keys, "root"), "Lakeside Health Root CA", now=SIGNED_AT)
        department = root.subordinate(Path(keys, "department"), "Lakeside Radiology CA")
        file = signed_slice(root, department)
        store = TrustStore(
            anchors=(root.credential.der,),
            intermediates=(department.credential.der,),
            crls=(root.crl(), department.crl()),
        )
    data_set = open_file(file)
    judging = Judging(store=store, now=SIGNED_AT + timedelta(minutes=5))
    report = verify(scan(data_set.source, data_set.encoding), data_set.syntax, judging)
    path = folder / "report.html"
    created_at = SIGNED_AT + timedelta(minutes=5)
    write_html_report(path, report, data_set, name="ct-slice.dcm", judging=judging, created_at=created_at, file=file)
    return path


def photograph(report: Path) -> None:
    """Take a picture of the upper part of the report with Chromium, small enough for a repository."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return
    from PIL import Image

    png = report.with_suffix(".png")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={png}", report.resolve().as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603
    with Image.open(png) as taken:
        taken.convert("RGB").quantize(COLOURS).save(png, optimize=True)


if __name__ == "__main__":
    photograph(make(Path(sys.argv[1])))
