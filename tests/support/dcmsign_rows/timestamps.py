"""Timestamp queries, insertion of responses, verdicts on tokens."""

from __future__ import annotations

from support.dcmsign_rows.row import CHECK, SIGN, differs, same

_BAD_RESPONSES = (
    *("nonce_differs", "nonce_missing", "imprint_differs", "algorithm_differs", "length_differs", "version2"),
    *(
        "status1",
        "status1_text",
        "status2",
        "status3",
        "status4",
        "status5",
        "status6",
        "all_failures",
        "granted_without",
    ),
)
INSERTION = (
    same("insert", "+t t.tsq t.tsr t.uid t.dcm o.dcm", f"{CHECK} o.dcm", f"{CHECK} +tr o.dcm"),
    same("insert -v", "-v +t t.tsq t.tsr t.uid t.dcm o.dcm"),
    same("insert into already stamped", "+t t.tsq t.tsr t.uid t_out.dcm o.dcm", f"{CHECK} o.dcm"),
    same("insert, EC", "+t ec.tsq ec.tsr ec.uid ect.dcm o.dcm", f"{CHECK} o.dcm"),
    *(same(f"response {name}", f"+t t.tsq {name}.tsr t.uid t.dcm o.dcm") for name in _BAD_RESPONSES),
    same("query and response of another signature", "+t u.tsq u.tsr t.uid t.dcm o.dcm"),
    same("UID of another signature", "+t t.tsq t.tsr u.uid t.dcm o.dcm"),
    same("missing query", "+t none.tsq t.tsr t.uid t.dcm o.dcm"),
    same("missing response", "+t t.tsq none.tsr t.uid t.dcm o.dcm"),
    same("missing UID file", "+t t.tsq t.tsr none.uid t.dcm o.dcm"),
    same("everything missing", "+t none.tsq none.tsr none.uid t.dcm o.dcm"),
    same("query garbage", "+t plain.dcm t.tsr t.uid t.dcm o.dcm"),
    same("response garbage", "+t t.tsq plain.dcm t.uid t.dcm o.dcm"),
    same("UID file garbage", "+t t.tsq t.tsr t.tsq t.dcm o.dcm", reader=True),
    same("UID file without UID", "+t t.tsq t.tsr plain.dcm t.dcm o.dcm"),
    same("object unsigned", "+t t.tsq t.tsr t.uid plain.dcm o.dcm"),
    same("policy differs", "+t pol.tsq pol_other.tsr pol.uid pol.dcm o.dcm"),
    same("policy equal", "+t pol.tsq pol.tsr pol.uid pol.dcm o.dcm", f"{CHECK} o.dcm"),
    same("bad policy", f"{SIGN} +ts x.tsq x.uid +tp abc plain.dcm o.dcm"),
    same("query not writable", f"{SIGN} +ts /none/x.tsq x.uid plain.dcm o.dcm"),
    same("UID file not writable", f"{SIGN} +ts x.tsq /none/x.uid plain.dcm o.dcm"),
    same("no nonce", "+t nn.tsq nn.tsr nn.uid nn.dcm o.dcm"),
    same("no nonce in query, nonce in response", "+t nn.tsq nn_nonce.tsr nn.uid nn.dcm o.dcm"),
    same("SHA224 in query and response", "+t sha224.tsq sha224.tsr t.uid t.dcm o.dcm"),
    *(
        same(f"query {option}", f"{SIGN} +ts x.tsq x.uid {option} plain.dcm o.dcm", f"{CHECK} o.dcm")
        for option in ("+tm2", "+tm3", "+tm5", "+tmr", "+tms", "+tmm", "-tn", "-tc", "+tp 1.2.3.4", "+tn +tc -tp")
    ),
)

_STAMPED = {
    "timestamp": "t_out",
    "timestamp with everything in it": "v_full",
    "timestamp with accuracy in seconds": "v_accuracy",
    "timestamp, EC signer": "ect_out",
    "TSA from other root": "v_other_root",
    "TSA without EKU": "v_no_eku",
    "TSA EKU not critical": "v_not_critical",
    "TSA EKU clientAuth": "v_client",
    "no certificate in token": "v_no_certificate",
    "token digest wrong": "v_digest",
    "TSA name mismatch": "v_name",
    "TSA name": "v_own_name",
    "genTime before TSA validity": "v_before_tsa",
    "genTime after TSA expiry": "v_after_tsa",
    "genTime in the future": "v_future",
    "TSA expired": "v_expired_tsa",
    "token of another signature": "v_other_signature",
    "SHA1 imprint": "v_sha1",
    "SHA224 imprint": "v_sha224",
    "SigningCertificate version 1": "v_v1_ess",
    "no SigningCertificate": "v_no_ess",
    "SigningCertificate of another": "v_other_ess",
    "timestamp with extension": "v_extension",
}
STAMPED = (
    *(
        same(name, f"{CHECK} {file}.dcm", notes="dated in the future" if file == "v_future" else "")
        for name, file in _STAMPED.items()
    ),
    *(
        same(f"{name} -v", f"-v {CHECK} {_STAMPED[name]}.dcm")
        for name in (
            *("timestamp", "timestamp with everything in it", "timestamp with accuracy in seconds"),
            *("genTime before TSA validity", "SHA1 imprint", "genTime after TSA expiry"),
        )
    ),
    *(
        differs(
            f"{name} -v",
            f"-v {CHECK} {file}.dcm",
            why="with -v dcmsign gives an older error of OpenSSL, about the length of a serial number, as the reason",
            code=101,
            says=f"timestamp signature verification failed: {reason}",
        )
        for name, file, reason in (
            ("TSA from other root", "v_other_root", "certificate verify error"),
            ("TSA name mismatch", "v_name", "tsa name mismatch"),
        )
    ),
    differs(
        "timestamp with extension -v",
        f"-v {CHECK} v_extension.dcm",
        why="dcmsign dumps the value of an extension that it does not know, and does not say which one it is",
        code=0,
        says="I:         - 1.2.3.4",
    ),
    same("token signature broken, EC", f"{CHECK} v_broken_ec.dcm"),
    same("TSA from other root, trusted too", f"{CHECK} +cf root2.pem v_other_root.dcm"),
    same("no certificate in token, +uf", f"{CHECK} +uf tsa.pem v_no_certificate.dcm"),
    same("genTime before signer validity", f"{CHECK} +cf groot.pem v_before_signer.dcm"),
    same("token signature broken", f"{CHECK} v_broken.dcm"),
    same("policy +tr", f"{CHECK} +tr t_out.dcm"),
    same("policy +tr without timestamp", f"{CHECK} +tr ok.dcm"),
    same("policy +tr without timestamp -v", f"-v {CHECK} +tr ok.dcm"),
    same("policy +tr garbage", f"{CHECK} +tr m_cts_added.dcm"),
    same("-tv ignores broken", f"{CHECK} -tv v_digest.dcm"),
    same("-tv -v", f"-v {CHECK} -tv v_digest.dcm"),
    same("-tv -v without timestamp", f"-v {CHECK} -tv ok.dcm"),
    same("CRL given, TSA not on it", f"{CHECK} +cr crl.pem t_out.dcm"),
    same("revoked TSA, CRL given", f"{CHECK} +cr crl_tsa.pem t_out.dcm", notes="time stamping authority is revoked"),
    same("signer untrusted: timestamp not looked at", "--verify +cf root2.pem t_out.dcm"),
    same("expired signer, no timestamp", f"{CHECK} e.dcm"),
    same("expired signer, timestamp", f"{CHECK} +cf groot.pem e_ts.dcm"),
    same("expired signer, timestamp -v", f"-v {CHECK} +cf groot.pem e_ts.dcm"),
    same("expired signer, -tv", f"{CHECK} +cf groot.pem -tv e_ts.dcm"),
    same("expired signer, +tr", f"{CHECK} +cf groot.pem +tr e.dcm"),
    same("expired signer, timestamp after expiry", f"{CHECK} +cf groot.pem e_ts2.dcm"),
    same("expired signer, TSA untrusted", f"{CHECK} e_ts.dcm"),
    same("expired signer, token of another", f"{CHECK} +cf groot.pem e_ts4.dcm"),
)
