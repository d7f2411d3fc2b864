"""Damaged signature sequences, dates, objects that were changed after signing."""

from __future__ import annotations

from support.dcmsign_rows.row import CHECK, same

_DAMAGES = {
    "signature item without MAC ID": "m_noid",
    "MAC ID in no MAC parameters": "m_otherid",
    "MAC parameters without MAC ID": "m_mac_noid",
    "no MAC transfer syntax": "m_nots",
    "empty MAC transfer syntax": "m_emptyts",
    "unknown MAC transfer syntax": "m_badts",
    "MAC transfer syntax JPEG on object without pixel data": "m_jpegts",
    "MAC transfer syntax deflated": "m_dflts",
    "no MAC algorithm": "m_nomac",
    "empty MAC algorithm": "m_emptymac",
    "unknown MAC algorithm": "m_badmac",
    "lower-case MAC algorithm": "m_lcmac",
    "MAC algorithm with leading space": "m_spmac",
    "MAC algorithm multi-valued": "m_mvmac",
    "MAC algorithm changed": "m_othermac",
    "no Data Elements Signed": "m_nodes",
    "empty Data Elements Signed": "m_emptydes",
    "Data Elements Signed with VR UL": "m_vrdes",
    "Data Elements Signed reversed": "m_reversed",
    "extra element in MAC parameters": "m_extra_in_mac",
    "no signature": "m_nosig",
    "empty signature": "m_emptysig",
    "garbage signature": "m_badsig",
    "short signature": "m_shortsig",
    "no certificate": "m_nocert",
    "empty certificate": "m_emptycert",
    "garbage certificate": "m_badcert",
    "no certificate type": "m_nocerttype",
    "other certificate type": "m_badcerttype",
    "empty certificate type": "m_emptycerttype",
    "no signature UID": "m_nouid",
    "empty signature UID": "m_emptyuid",
    "DateTime changed": "m_dt_changed",
    "signature UID changed": "m_uid_changed",
    "document changed": "m_name_changed",
    "purpose added": "m_purp_added",
    "certificate replaced": "m_other_cert",
    "extra element in signature item": "m_extra_in_sig",
    "private element in signature item": "m_extra_priv_in_sig",
    "certified timestamp garbage": "m_cts_added",
    "certified timestamp type unknown": "m_ctstype",
    "certified timestamp type without timestamp": "m_cts_only_type",
    "signed without DateTime": "d_nodt",
    "DateTime with VR LO": "d_vr",
    "DateTime with date only": "dt_date",
    "DateTime with year only": "dt_year",
    "DateTime with month": "dt_month",
    "DateTime without fraction and zone": "dt_nofrac",
    "DateTime with minutes": "dt_min",
    "DateTime minute 60": "d_1",
    "DateTime with seven digits of fraction": "d_2",
    "DateTime with zone": "d_3",
    "DateTime with seven digits": "d_4",
    "DateTime with zone too far": "d_5",
    "DateTime second 60": "d_6",
    "DateTime of no day": "d_7",
    "DateTime with half an hour": "d_8",
    "DateTime with lowest zone": "d_9",
    "DateTime empty": "d_e",
    "DateTime blank": "d_blank",
    "DateTime garbage": "d_bad",
    "DateTime multi-valued": "d_multi",
    "purpose": "purpose",
    "unsignable element listed": "m_unsignable",
    "sequence with UN listed": "m_unsignable_nested",
    "signature sequence listed": "m_unsignable_by_tag",
}
NO_OFFSET = "Digital Signature DateTime has no offset from UTC"
_WITHOUT_OFFSET = frozenset(
    (
        *("DateTime with date only", "DateTime with year only", "DateTime with month"),
        *("DateTime without fraction and zone", "DateTime with minutes"),
        *("DateTime with seven digits of fraction", "DateTime multi-valued"),
    )
)
DAMAGES = (
    *(
        same(name, f"{CHECK} {file}.dcm", notes=NO_OFFSET if name in _WITHOUT_OFFSET else "")
        for name, file in _DAMAGES.items()
    ),
    *(
        same(f"{name} -v", f"-v {CHECK} {_DAMAGES[name]}.dcm")
        for name in (
            *("signature item without MAC ID", "no MAC transfer syntax", "unknown MAC transfer syntax"),
            *("no MAC algorithm", "empty Data Elements Signed", "no certificate", "garbage certificate"),
            *(
                "no signature UID",
                "signed without DateTime",
                "purpose",
                "unsignable element listed",
                "certified timestamp type unknown",
            ),
        )
    ),
)
