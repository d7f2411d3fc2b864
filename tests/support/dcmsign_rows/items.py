"""Signatures in items, their locations, several signatures, removal."""

from __future__ import annotations

from support.dcmsign_rows.row import CHECK, SIGN, differs, same

_LOCATIONS = (
    *("BeamSequence[0]", "(300a,00b0)[0]", " (300a,00b0) [0]", "(300A,00B0)[0].(300a,0111)[0]", "BeamSequence"),
    *("BeamSequence[0].", "BeamSequence[0]ControlPointSequence[0]", "BeamSequence[9]", "NoSuchSequence[0]"),
    *("PatientName[0]", "(0010,0010)[0]", "(0040,a730)[0]", "BeamSequence[x]", "BeamSequence[-1]", "BeamSequence[]"),
    *("", "beamsequence[0]", "300a,00b0[0]", "BeamSequence[0] . ControlPointSequence[0]", "BeamSequence [0]"),
    *("(300a,00b0[0]", "(zzzz,00b0)[0]", "[0]", ".BeamSequence[0]", "BeamSequence[0].ControlPointSequence[0] x"),
    *(
        "BeamSequence[00]",
        "BeamSequence[0]. ControlPointSequence[1]",
        "BeamSequence[0] ",
        "(300a,b0)[0]",
        "BeamSequence[0",
    ),
    *("BeamSequence[0]..ControlPointSequence[0]", "(300a,00b0)(300a,00b0)[0]"),
)
ITEMS = (
    *(
        same(f"location {location!r}", f"+si signer.key signer.pem '{location}' +m2 rtplan.dcm o.dcm")
        for location in _LOCATIONS
    ),
    differs(
        "location with a number of 33 bits",
        "+si signer.key signer.pem BeamSequence[4294967296] +m2 rtplan.dcm o.dcm",
        why="dcmsign drops the highest bits of an item number, and signs another item than it was told",
        code=85,
        says="sequence (300a,00b0) only has 1 items, cannot locate item 4294967296",
    ),
    same(
        "sign item",
        "+si signer.key signer.pem BeamSequence[0].ControlPointSequence[1] +m2 rtplan.dcm o.dcm",
        f"{CHECK} o.dcm",
    ),
    same("sign item -v", "-v +si signer.key signer.pem BeamSequence[0] +m2 rtplan.dcm o.dcm", f"-v {CHECK} o.dcm"),
    same(
        "sign item of a signed object", "+si signer.key signer.pem BeamSequence[0] +m2 r3.dcm o.dcm", f"{CHECK} o.dcm"
    ),
    same("verify nested", f"{CHECK} n1.dcm"),
    same("verify nested -v", f"-v {CHECK} n2.dcm"),
    same("verify three", f"{CHECK} r3.dcm"),
    same("remove one", "+r {first} r3.dcm o.dcm", f"{CHECK} o.dcm"),
    same("remove the second", "+r {second} r3.dcm o.dcm", f"{CHECK} o.dcm"),
    same("remove one in an item -v", "-v +r {item} r3.dcm o.dcm", f"{CHECK} o.dcm"),
    same("remove unknown", "+r 1.2.3 r3.dcm o.dcm"),
    same("remove empty UID", "+r '' r3.dcm o.dcm"),
    same("remove all", "+ra r3.dcm o.dcm", "--verify o.dcm"),
    same("remove all -v", "-v +ra r3.dcm o.dcm"),
    same("remove all from unsigned", "+ra plain.dcm o.dcm", "--verify o.dcm"),
    same("remove from unsigned", "+r 1.2 plain.dcm o.dcm"),
    same("add after gap", "+r {first} r3.dcm o.dcm", f"{SIGN} o.dcm o2.dcm", f"{CHECK} o2.dcm", f"-v {CHECK} o2.dcm"),
    same("two signatures with equal MAC ID", f"{CHECK} shared2.dcm", notes="has the same MAC ID Number"),
    same(
        "remove first of shared",
        "+r 1.2.826.0.1.3680043.10.1.1 shared2.dcm o.dcm",
        f"{CHECK} o.dcm",
        notes="has the same MAC ID Number",
    ),
    same("remove all of shared", "+ra shared2.dcm o.dcm", "--verify o.dcm"),
    same("remove all with no MAC ID", "+ra noid2.dcm o.dcm"),
    same("remove with no MAC ID", "+r 1.2.826.0.1.3680043.10.1.1 noid2.dcm o.dcm"),
    same("signature in original attributes", "--verify orig.dcm"),
    same("signature in original attributes +rg", "--verify +rg orig.dcm"),
    same("signature in original attributes and another", f"{CHECK} orig_s.dcm"),
    same("remove all with original attributes", "+ra orig_s.dcm o.dcm", "--verify o.dcm"),
    same("remove UID of original attributes", "+r 1.2.826.0.1.3680043.10.1.1 orig.dcm o.dcm"),
    same("item of one empty item", "+si signer.key signer.pem (0040,1101)[0] +m2 ei.dcm o.dcm"),
    same("item of absent sequence", "+si signer.key signer.pem ReferencedStudySequence[0] +m2 plain.dcm o.dcm"),
    same(
        "base profile on item",
        "+si signer.key signer.pem OtherPatientIDsSequence[0] +pb +m2 plain.dcm o.dcm",
        f"{CHECK} +rc o.dcm",
    ),
    same("creator profile on item", "+si signer.key signer.pem OtherPatientIDsSequence[0] +pc plain.dcm o.dcm"),
    same(
        "tag in item", "+si signer.key signer.pem BeamSequence[0] -t BeamName +m2 rtplan.dcm o.dcm", f"-v {CHECK} o.dcm"
    ),
    same("tag absent in item", "+si signer.key signer.pem BeamSequence[0] -t PatientName +m2 rtplan.dcm o.dcm"),
)
