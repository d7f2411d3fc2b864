#!/usr/bin/env python3
"""A receiver made with pynetdicom alone, as one of the peers of peer_receive.py.

usage: peer_pynetdicom.py plain|chunked PDU PORT FOLDER [KEY CERT CA]
"""
import os, shutil, sys


def serve(mode, pdu, port, out, *tls):
    import ssl
    from pynetdicom import AE, evt, AllStoragePresentationContexts, ALL_TRANSFER_SYNTAXES, _config
    _config.STORE_RECV_CHUNKED_DATASET = mode == "chunked"
    ae = AE("PYND")
    ae.maximum_pdu_size = int(pdu)
    ae.maximum_associations = 100
    ae.add_supported_context("1.2.840.10008.1.1")
    for cx in AllStoragePresentationContexts:
        ae.add_supported_context(cx.abstract_syntax, ALL_TRANSFER_SYNTAXES)

    def handler(event):
        path = os.path.join(out, os.path.basename(event.request.AffectedSOPInstanceUID))
        if mode == "chunked":
            shutil.move(event.dataset_path, path)       # its temporary file is in $TMPDIR
        else:
            with open(path, "wb") as f:
                f.write(event.encoded_dataset())
        return 0

    ctx = None
    if tls:
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(tls[1], tls[0]); ctx.load_verify_locations(tls[2])
        ctx.verify_mode = ssl.CERT_REQUIRED
    ae.start_server(("127.0.0.1", int(port)), ssl_context=ctx, evt_handlers=[(evt.EVT_C_STORE, handler)])


if __name__ == "__main__":
    serve(*sys.argv[1:])
