"""MAC algorithms, keys, profiles, purposes and the policies that ask for them; selection of elements."""

from __future__ import annotations

from support.dcmsign_rows.row import CHECK, SIGN, differs, same

_MACS = ("+mr", "+ms", "+mm", "+m2", "+m3", "+m5")
_KEYS = {"RSA": "signer", "EC": "ecsigner", "P-384": "p384", "DSA": "dsa"}
PROFILES = (
    *(
        same(
            f"MAC {mac} with {kind}",
            f"+s {key}.key {key}.pem {mac} plain.dcm o.dcm",
            f"{CHECK} o.dcm",
            notes="is no longer safe" if mac in ("+ms", "+mm") else "",
        )
        for kind, key in _KEYS.items()
        for mac in _MACS
        if kind == "RSA" or mac in ("+mr", "+m2", "+m5")
    ),
    same("default MAC", "+s signer.key signer.pem plain.dcm o.dcm", f"-v {CHECK} o.dcm"),
    same("rightmost MAC wins", f"{SIGN} +m5 plain.dcm o.dcm", f"-v {CHECK} o.dcm"),
    same("base", f"{SIGN} +pb plain.dcm o.dcm", f"-v {CHECK} o.dcm"),
    same("base, EC key", "+s ecsigner.key ecsigner.pem +m2 +pb plain.dcm o.dcm"),
    same(
        "base MD5", "+s signer.key signer.pem +mm +pb plain.dcm o.dcm", f"{CHECK} o.dcm", notes="MD5 is no longer safe"
    ),
    same(
        "creator",
        f"{SIGN} +pc plain.dcm o.dcm",
        f"{CHECK} +rc o.dcm",
        f"{CHECK} +ru o.dcm",
        f"{CHECK} +rs o.dcm",
        f"{CHECK} +rg o.dcm",
    ),
    same("creator, EC", "+s ecsigner.key ecsigner.pem +m2 +pc plain.dcm o.dcm"),
    same("authorization", f"{SIGN} +pa plain.dcm o.dcm", f"{CHECK} +ru o.dcm"),
    same("no profile but all tags satisfies +rc", f"{SIGN} plain.dcm o.dcm", f"{CHECK} +rc o.dcm"),
    same("EC signature does not satisfy +rc", "+s ecsigner.key ecsigner.pem +m2 plain.dcm o.dcm", f"{CHECK} +rc o.dcm"),
    same(
        "creator with one tag",
        f"-v {SIGN} +pc -t PatientName plain.dcm o.dcm",
        f"{CHECK} +rc o.dcm",
        f"-v {CHECK} o.dcm",
    ),
    same("one tag, no profile", f"{SIGN} -t PatientName plain.dcm o.dcm", f"{CHECK} +rc o.dcm"),
    same("base, one tag", f"{SIGN} +pb -t PatientName plain.dcm o.dcm", f"-v {CHECK} o.dcm"),
    same("creator, required UID missing", f"{SIGN} +pc nouid.dcm o.dcm"),
    same("authorization, required UID missing", f"{SIGN} +pa nouid.dcm o.dcm"),
    same("required UID missing with a tag", f"{SIGN} +pc -t PatientName nouid.dcm o.dcm"),
    same("SR profile on CT", f"{SIGN} +pr plain.dcm o.dcm"),
    same("SR verification profile on CT", f"{SIGN} +pv plain.dcm o.dcm"),
    same("SR verification with other purpose", f"{SIGN} +pv +sp 1 srv.dcm o.dcm", f"-v {CHECK} +rs o.dcm"),
    same("SR verification", f"{SIGN} +pv srv.dcm o.dcm", f"{CHECK} +rs o.dcm"),
    same("SR on verified SR without verification signature", f"{SIGN} +pr srv.dcm o.dcm", f"{CHECK} +rs o.dcm"),
    same(
        "SR on verified SR after verification",
        f"{SIGN} +pv srv.dcm o1.dcm",
        f"{SIGN} +pr o1.dcm o.dcm",
        f"{CHECK} +rs o.dcm",
    ),
    same("SR verification on unverified", f"{SIGN} +pv sr2.dcm o.dcm"),
    same("SR on unverified", f"{SIGN} +pr sr2.dcm o.dcm", f"{CHECK} +rs o.dcm"),
    same("+rs on unverified signed without profile", f"{SIGN} sr2.dcm o.dcm", f"{CHECK} +rs o.dcm"),
    same("SR with one tag", f"{SIGN} +pr -t PatientName sr2.dcm o.dcm", f"{CHECK} +rs o.dcm"),
    *(same(f"purpose {n}", f"{SIGN} +sp {n} plain.dcm o.dcm", f"-v {CHECK} o.dcm") for n in (1, 4, 10, 17, 18)),
    same("creator with required UN", f"{SIGN} +pc un.dcm o.dcm"),
    same("policy on damaged", f"{CHECK} +rc m_nots.dcm"),
    same("policy on no certificate", f"{CHECK} +rc m_nocert.dcm"),
    same("policy on nested", f"{CHECK} +rc n1.dcm"),
)

_TAGS = {
    "unknown tag name": "-t Foo",
    "tag by number": "-t 0010,0010 -t 10,20",
    "tag with parentheses": "-t (0010,0010)",
    "tag case": "-t patientname",
    "tag order and duplicates": "-t 0010,0020 -t 0010,0010 -t 0010,0020",
    "absent tag": "-t 0010,0010 -t 0010,2000",
    "two absent tags": "-t 0010,2000 -t 0010,2001",
    "absent tag, creator": "+pc -t 0010,2000",
    "unsignable tag": "-t fffc,fffc",
    "unsignable tag -v": "-v -t fffc,fffc",
    "unsignable and absent": "-t fffc,fffc -t 0010,2000",
    "group length, absent": "-t 0008,0000",
    "tag with junk": "-t 0010,0010junk",
    "tag xx": "-t zz,10",
    "tag with blank before comma": "-t '10 ,10'",
    "tag with blank behind comma": "-t '10, 10'",
    "tag empty": "-t ''",
    "tag with prefix": "-t 0x10,0x10",
    "private tag": "-t 0009,1002",
    "signature sequence": "-t fffa,fffa",
    "tag file": "-tf tags.txt",
    "tag file of one": "-tf tags_one.txt",
    "tag file with comment": "-tf tags_comment.txt",
    "tag file with comma": "-tf tags_comma.txt",
    "tag file with semicolon": "-tf tags_semicolon.txt",
    "tag file joined": "-tf tags_joined.txt",
    "tag file with bare number": "-tf tags_bare.txt",
    "tag file with open parenthesis": "-tf tags_open.txt",
    "tag file with unknown name": "-tf tags_unknown.txt",
    "tag file with period": "-tf tags_period.txt",
    "tag file with index": "-tf tags_index.txt",
    "tag file with short number": "-tf tags_short.txt",
    "tag file with blanks": "-tf tags_blanks.txt",
    "tag file with blank before comma": "-tf tags_blank_comma.txt",
    "tag file and tag": "-t PatientID -tf tags_one.txt",
    "tag file missing": "-tf none.txt",
    "tag file of an absent tag": "-tf tags_absent.txt",
    "tag file with NUL": "-tf tags_nul.txt",
    "both wrong": "-t Foo -tf none.txt",
}
TAGS = (
    *(same(name, f"{SIGN} {options} plain.dcm o.dcm", f"-v {CHECK} o.dcm") for name, options in _TAGS.items()),
    same("tag file with other command", "--verify -tf none.txt plain.dcm"),
    same("tag with other command", "--verify -t Foo plain.dcm"),
    same("tags from the right", f"{SIGN} -t Foo -t Bar plain.dcm o.dcm"),
    same("UN retained", f"{SIGN} un.dcm o.dcm", f"-v {CHECK} o.dcm"),
    same("UN converted", f"{SIGN} +uc un.dcm o.dcm", f"{CHECK} o.dcm", f"{CHECK} +uc o.dcm"),
    same("UN tag requested", f"{SIGN} -t Modality un.dcm o.dcm"),
    same("SQ with UN requested", f"{SIGN} -t 0008,1140 -v un.dcm o.dcm"),
    differs(
        "empty tag file",
        f"{SIGN} -tf tags_empty.txt plain.dcm o.dcm",
        why="dcmsign signs an empty list of elements, and its own --verify then refuses that signature",
        code=85,
        says="selected dataset or item is empty, nothing to sign",
    ),
    differs(
        "nothing signable",
        f"{SIGN} unsignable.dcm o.dcm",
        why="dcmsign signs an empty list of elements, and its own --verify then refuses that signature",
        code=85,
        says="selected dataset or item is empty, nothing to sign",
    ),
    differs(
        "element that stands twice",
        f"{SIGN} twice.dcm o.dcm",
        why="dcmsign drops the second element, which other readers show: what is signed is not what is seen",
        code=85,
        says="stands twice",
    ),
)
