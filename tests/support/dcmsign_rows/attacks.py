"""What dcmsign calls good although a reader sees something else."""

from __future__ import annotations

from support.dcmsign_rows.row import CHECK, SIGN, differs, same

_FULL = "dcmsign leaves content of nested sequences out of its MAC where its buffer runs full"
ATTACKS = (
    same("unsigned element added", f"{CHECK} a1.dcm"),
    same("unsigned element added, creator", f"{CHECK} +rc a1.dcm"),
    same(
        "absent element listed", f"{CHECK} a2.dcm", notes="(0010,2000) is listed as signed, but is not in the data set"
    ),
    same("hidden signature sequence", f"{CHECK} a27.dcm", notes="is no sequence: it was passed over"),
    same("one element signed", f"{CHECK} a29.dcm"),
    same("two MAC parameters of one ID", f"{CHECK} m_twomac.dcm", notes="has the same MAC ID Number"),
    same("MAC transfer syntax implicit", f"{CHECK} a36.dcm", notes="is not explicit VR little endian"),
    same("bytes behind the certificate", f"{CHECK} m_trailing_cert.dcm", notes="bytes stand behind the certificate"),
    same("MD5", f"{CHECK} a50.dcm", notes="MD5 is no longer safe"),
    same("unsigned payload", f"{CHECK} a15.dcm"),
    differs(
        "element twice",
        f"{CHECK} a14.dcm",
        why="dcmsign verifies the first of two elements of one tag, and other readers show the last",
        code=101,
        says="stands twice in one data set or item",
    ),
    differs(
        "forged purpose",
        f"{CHECK} a41.dcm",
        why="dcmsign passes over elements of the signature item that cannot enter the MAC, and shows them",
        code=101,
        says="signature contains attribute that is not signable",
    ),
    differs(
        "UN in the signature item",
        f"{CHECK} a41b.dcm",
        why="dcmsign passes over elements of the signature item that cannot enter the MAC",
        code=101,
        says="(0401,0010) in the signature item is not covered by the MAC",
    ),
    differs(
        "forged certificate of an expired root with timestamp",
        "--verify +cf xroot.pem +cf groot.pem a25_ts.dcm",
        why="dcmsign forgives an expired chain with a timestamp before it has looked at the signatures of the chain",
        code=101,
        says="at its time the certificate was not valid either: certificate signature failure",
    ),
    differs(
        "made by DCMTK, incomplete",
        f"{CHECK} rs_dcmtk.dcm",
        why=_FULL,
        code=101,
        says="bytes of nested sequences out of the MAC",
    ),
    differs(
        "complete, where DCMTK's would not be",
        f"{CHECK} rs_full.dcm",
        why=_FULL,
        code=0,
        says="dcmsign calls this signature corrupted",
    ),
    differs(
        "sign where DCMTK would leave content out",
        f"{SIGN} rs.dcm o.dcm",
        why=_FULL,
        code=0,
        says="dcmsign will call this signature corrupted",
    ),
    differs(
        "transfer syntax that no standard has",
        "strange_syntax.dcm",
        why="we say that the transfer syntax is told from the data, where dcmsign is silent",
        code=0,
        says="transfer syntax 1.2.3.4.5 is not known",
    ),
)
