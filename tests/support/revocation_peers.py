"""Who tells about revocation: `openssl ca -gencrl`, `openssl ocsp`, and an HTTP server that may misbehave."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509

from support import peers
from support.pki import Authority, Credential
from support.ports import LOOPBACK, is_listening
from support.waiting import wait_until


class Database:
    """The index of an `openssl ca`, with the certificates of `authority` that were added to it."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority = authority
        self.folder = folder
        self.index = folder / "index.txt"
        self._lines: dict[int, str] = {}

    def add(self, certificate: x509.Certificate, *, revoked_at: datetime | None = None, reason: str = "") -> None:
        """Enter a certificate, or enter it anew as revoked with a CRLReason such as keyCompromise."""
        state = "V" if revoked_at is None else "R"
        revoked = "" if revoked_at is None else _time(revoked_at) + (f",{reason}" if reason else "")
        serial = f"{certificate.serial_number:X}"
        serial = serial.zfill(len(serial) + len(serial) % 2)
        fields = (state, _time(certificate.not_valid_after_utc), revoked, serial, "unknown", "/CN=test")
        self._lines[certificate.serial_number] = "\t".join(fields)
        self.index.write_text("".join(f"{line}\n" for line in self._lines.values()), encoding="ascii")
        (self.folder / "index.txt.attr").write_text("unique_subject = no\n", encoding="ascii")

    def crl(self, days: int = 7) -> bytes:
        """A CRL in PEM by `openssl ca -gencrl`."""
        configuration, made = self.folder / "ca.cnf", self.folder / "made.crl"
        configuration.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.index}\ndefault_md=sha256\ndefault_crl_days={days}\n",
            encoding="utf-8",
        )
        credential = self.authority.credential
        keys = ("-cert", credential.certificate_path, "-keyfile", credential.key_path)
        outcome = peers.openssl("ca", "-gencrl", "-config", configuration, *keys, "-out", made)
        assert outcome.exit_code == 0, outcome.text
        return made.read_bytes()

    @contextmanager
    def responder(self, port: int, credential: Credential | None = None) -> Iterator[None]:
        """`openssl ocsp` answering from the index as it is now, signing as `credential` (default: the authority)."""
        by = credential if credential is not None else self.authority.credential
        command = [
            peers.require("openssl"),
            *("ocsp", "-port", str(port), "-index", str(self.index), "-nmin", "10"),
            *("-CA", str(self.authority.certificate_path)),
            *("-rsigner", str(by.certificate_path), "-rkey", str(by.key_path)),
        ]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: process.poll() is not None or is_listening(port), "openssl ocsp listening")
            assert process.poll() is None, "openssl ocsp ended at once"
            yield
        finally:
            peers.stop(process)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%y%m%d%H%M%SZ")


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def http_server(answers: dict[str, Answer]) -> Iterator[str]:
    """An HTTP server on a port of the kernel's choice; gives its address. Paths that are not in `answers` are 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path)
            if answer is None:
                self.send_error(404)
            else:
                answer(self)

        do_POST = do_GET  # noqa: N815 (http.server wants it so)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def content(body: bytes, *, status: int = 200, **headers: str) -> Answer:
    """Answer with `body`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def redirect(target: str, status: int = 302) -> Answer:
    """Answer that it is at `target`."""
    return content(b"", status=status, Location=target)
