"""Signature sequences that are damaged, changed after signing, or good and misleading; and several in one object."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pydicom

from support.dcmsign_scene.certificates import NOW
from support.dcmsign_scene.objects import Objects, word, written
from support.elements import EXPLICIT, part10
from support.forging import MAC_PARAMETERS, Elements, body, even, forge, with_signatures


class Damages(Objects):
    """The same with what is wrong about signatures."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._damaged_objects()
        self._attacks()
        self._nested_objects()

    def _damaged_objects(self) -> None:
        parameters: dict[str, Elements] = {
            "mac_noid": {0x04000005: None},
            "nots": {0x04000010: None},
            "emptyts": {0x04000010: word(0x04000010, "UI", b"")},
            "badts": {0x04000010: word(0x04000010, "UI", b"1.2.3")},
            "nomac": {0x04000015: None},
            "emptymac": {0x04000015: word(0x04000015, "CS", b"")},
            "badmac": {0x04000015: word(0x04000015, "CS", b"SHA3")},
            "lcmac": {0x04000015: word(0x04000015, "CS", b"sha256")},
            "spmac": {0x04000015: word(0x04000015, "CS", b" SHA256")},
            "mvmac": {0x04000015: word(0x04000015, "CS", b"SHA256\\MD5")},
            "othermac": {0x04000015: word(0x04000015, "CS", b"SHA512")},
            "lomac": {0x04000015: word(0x04000015, "LO", b"SHA256")},
            "nodes": {0x04000020: None},
            "emptydes": {0x04000020: EXPLICIT.element(0x04000020, "AT")},
            "vrdes": {0x04000020: EXPLICIT.element(0x04000020, "UL", EXPLICIT.words(8, 0x18, 0x10, 0x10))},
            "otherid": {0x04000005: EXPLICIT.element(0x04000005, "US", EXPLICIT.words(7))},
            "jpegts": {0x04000010: word(0x04000010, "UI", b"1.2.840.10008.1.2.4.50")},
            "reversed": {0x04000020: EXPLICIT.element(0x04000020, "AT", EXPLICIT.words(0x10, 0x10, 8, 0x18))},
            "extra_in_mac": {0x04000021: EXPLICIT.element(0x04000021, "LO", b"extra ")},
            "dflts": {0x04000010: word(0x04000010, "UI", b"1.2.840.10008.1.2.1.99")},
        }
        for name, elements in parameters.items():
            self.forged(f"m_{name}", self.signer, parameters=elements)
        unsigned: dict[str, Elements] = {
            "nosig": {0x04000120: None},
            "emptysig": {0x04000120: EXPLICIT.element(0x04000120, "OB")},
            "badsig": {0x04000120: EXPLICIT.element(0x04000120, "OB", bytes(range(256)))},
            "shortsig": {0x04000120: EXPLICIT.element(0x04000120, "OB", bytes(40))},
            "nocert": {0x04000115: None},
            "emptycert": {0x04000115: EXPLICIT.element(0x04000115, "OB")},
            "badcert": {0x04000115: EXPLICIT.element(0x04000115, "OB", b"no certificate")},
            "other_cert": {0x04000115: EXPLICIT.element(0x04000115, "OB", even(self.other.der))},
            "cts_added": {
                0x04000305: word(0x04000305, "CS", b"CMS_TSP"),
                0x04000310: EXPLICIT.element(0x04000310, "OB", b"garbage!"),
            },
            "ctstype": {
                0x04000305: word(0x04000305, "CS", b"CMS_TS"),
                0x04000310: EXPLICIT.element(0x04000310, "OB", b"garbage!"),
            },
            "cts_only_type": {0x04000305: word(0x04000305, "CS", b"CMS_TSP")},
            "nocerttype": {0x04000110: None},
            "badcerttype": {0x04000110: word(0x04000110, "CS", b"X509")},
            "emptycerttype": {0x04000110: word(0x04000110, "CS", b"")},
            "nouid": {0x04000100: None},
            "nodt_signed": {0x04000105: None},
            "emptyuid": {0x04000100: word(0x04000100, "UI", b"")},
            "trailing_cert": {0x04000115: EXPLICIT.element(0x04000115, "OB", even(self.signer.der + b"payload!"))},
        }
        for name, elements in unsigned.items():
            self.forged(f"m_{name}", self.signer, item=elements)
        self._unsignable_objects()
        self._changed_objects()

    def _unsignable_objects(self) -> None:
        un = body(EXPLICIT, EXPLICIT.element(0x00101040, "UN", b"abcd"))
        nested = EXPLICIT.sequence(0x00101002, EXPLICIT.item(EXPLICIT.element(0x00100022, "UN", b"TEXT")))
        contents = {"m_unsignable": un, "m_unsignable_nested": body(EXPLICIT, nested), "m_unsignable_by_tag": body()}
        for name, content in contents.items():
            listed = (0x00080018, 0x00100010, 0x00101002, 0x00101040, 0xFFFAFFFA)
            pair = forge(self.signer, content, date=written(NOW), listed=listed)
            self.put(f"{name}.dcm", part10(with_signatures(content, pair)))

    def _changed_objects(self) -> None:
        """Changed after signing."""
        good = forge(self.signer, date=written(NOW))
        day = written(NOW)[:8].encode()
        changes: Mapping[str, tuple[bytes, bytes]] = {
            "m_dt_changed": (b"DT\x1a\0" + day, b"DT\x1a\0" + b"2025" + day[4:]),
            "m_uid_changed": (b"1.2.826.0.1.3680043.10.1.1", b"1.2.826.0.1.3680043.10.1.2"),
            "m_name_changed": (b"A^B ", b"A^C "),
        }
        whole = part10(with_signatures(body(), good))
        for name, (old, new) in changes.items():
            assert whole.count(old) == 1, name
            self.put(f"{name}.dcm", whole.replace(old, new))
        parameters, item = good
        purpose = EXPLICIT.sequence(
            0x04000401,
            EXPLICIT.item(
                word(0x00080100, "SH", b"1"),
                word(0x00080102, "SH", b"ASTM-sigpurpose"),
                word(0x00080104, "LO", b"Author's Signature"),
            ),
        )
        additions = {
            "m_purp_added": purpose,
            "m_extra_in_sig": word(0x04000500, "LO", b"extra"),
            "m_extra_priv_in_sig": word(0x04010010, "LO", b"ACME"),
        }
        for name, addition in additions.items():
            self.put_pairs(name, (parameters, _extended(item, addition)))
        self.forged("purpose", self.signer, item={0x04000401: purpose})
        self.put_pairs("m_noid", (parameters, forge(self.signer, date=written(NOW), item={0x04000005: None})[1]))
        self.put_pairs("m_twomac", good, second_parameters=forge(self.other, mac_algorithm="SHA512")[0])

    def _attacks(self) -> None:
        content, e = body(), EXPLICIT.element
        good = forge(self.signer, date=written(NOW))
        signed = with_signatures(content, good)
        self.put("a1.dcm", part10(_with(signed, e(0x00104000, "LT", b"unsigned"))))
        self.put("a14.dcm", part10(_with(signed, e(0x00100010, "PN", b"C^D "))))
        self.put("a15.dcm", part10(signed + e(0xFFFCFFFC, "OB", b"payload!")))
        listed = (0x00080018, 0x00100010, 0x00102000)
        self.forged("a2", self.signer, listed=listed)
        self.forged("a29", self.signer, listed=(0x00080018,))
        hidden = EXPLICIT.sequence(0x04000401, EXPLICIT.item(e(0x00080100, "UN", b"7 ")))
        self.put_pairs("a41", (good[0], _extended(good[1], hidden)))
        self.put_pairs("a41b", (good[0], _extended(good[1], e(0x04010010, "UN", b"abcd"))))
        forged = forge(self.signer, date=written(NOW), mac_uid="1.2.840.10008.1.2")
        self.put_pairs("a36", forged)
        self.forged("a50", self.signer, mac_algorithm="MD5")
        self.forged("a54", self.long_lived, date=f"{NOW:%Y}")
        self.put(
            "a27.dcm", part10(with_signatures(content, good).replace(b"\xfa\xff\xfa\xffSQ", b"\xfa\xff\xfa\xffUN"))
        )
        contour = EXPLICIT.item(e(0x30060050, "DS", b"1.25\\2.5\\-3.75\\" * 300 + b"1 "))
        roi = EXPLICIT.item(EXPLICIT.sequence(0x30060040, *([contour] * 20)))
        structure = body() + EXPLICIT.sequence(0x30060039, roi)
        self.put("rs.dcm", part10(structure))
        self.put(
            "rs_dcmtk.dcm",
            part10(with_signatures(structure, forge(self.signer, structure, date=written(NOW), like_dcmtk=True))),
        )
        self.put("rs_full.dcm", part10(with_signatures(structure, forge(self.signer, structure, date=written(NOW)))))

    def _nested_objects(self) -> None:
        key = ("signer.key", "signer.pem")
        self.dcmsign("+si", *key, "BeamSequence[0].ControlPointSequence[1]", "+m2", "rtplan.dcm", "n1.dcm")
        self.dcmsign("+s", *key, "+m2", "n1.dcm", "n2.dcm")
        self.dcmsign("+s", *key, "+m5", "n2.dcm", "r3.dcm")
        first = pydicom.dcmread(self.folder / "r3.dcm")
        point = first.BeamSequence[0].ControlPointSequence[1]
        self.uids = {
            "item": str(point.DigitalSignaturesSequence[0].DigitalSignatureUID),
            "first": str(first.DigitalSignaturesSequence[0].DigitalSignatureUID),
            "second": str(first.DigitalSignaturesSequence[1].DigitalSignatureUID),
        }
        uid = {0x04000100: word(0x04000100, "UI", b"1.2.3.99")}
        self.put_pairs(
            "shared2", forge(self.signer, date=written(NOW)), forge(self.signer, date=written(NOW), item=uid)
        )
        self.put_pairs("noid2", forge(self.signer, date=written(NOW), item={0x04000005: None}))
        old = EXPLICIT.sequence(
            0x04000561, EXPLICIT.item(with_signatures(b"", forge(self.signer, b"", listed=(0x00100010,))))
        )
        self.put("orig.dcm", part10(_with(body(), old)))
        self.put("orig_s.dcm", part10(_with(with_signatures(body(), forge(self.signer, date=written(NOW))), old)))
        self.dcmsign("+s", *key, "+m2", "imp.dcm", "imp_s.dcm")
        self.dcmsign("+s", *key, "+m2", "be.dcm", "be_s.dcm")
        self.dcmsign("+s", *key, "+m2", "dfl.dcm", "dfl_s.dcm")
        self.dcmsign("+s", *key, "+m2", "j2k.dcm", "j2k_s.dcm")
        self.dcmsign("+s", *key, "+m2", "-fo", "j2k.dcm", "j2k_old.dcm")
        self.dcmsign("+s", *key, "+m2", "+sp", "1", "plain.dcm", "sp1.dcm")


def _with(data_set: bytes, element: bytes) -> bytes:
    """A data set with another element in front of its signatures."""
    at = data_set.find(EXPLICIT.tag(MAC_PARAMETERS))
    return data_set + element if at < 0 else data_set[:at] + element + data_set[at:]


def _extended(item: bytes, addition: bytes) -> bytes:
    """An item of explicit length with further elements at its end."""
    content = item[8:] + addition
    return EXPLICIT.item(content)
