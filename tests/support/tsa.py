"""A real Time Stamping Authority: `openssl ts -reply` behind an HTTP or HTTPS server of its own."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from support import peers
from support.pki import Authority, Credential
from support.ports import LOOPBACK

POLICY, OTHER_POLICY = "1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2"
REPLY_TYPE = "application/timestamp-reply"
QUERY_TYPE = "application/timestamp-query"

CRITICAL_TIMESTAMPING: tuple[x509.ExtensionType, bool] = (
    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]),
    True,
)
"""What makes a certificate one of a TSA (RFC 3161 2.3)."""


def tsa_credential(pki: Authority, name: str = "tsa", key: str = "rsa2048") -> Credential:
    """A certificate of a TSA."""
    return pki.issue(name, key, hosts=(), extensions=[CRITICAL_TIMESTAMPING])


@dataclass(kw_only=True)
class OpensslTsa:
    """`openssl ts` with a key, answering queries from files."""

    folder: Path
    credential: Credential
    settings: dict[str, str] = field(default_factory=dict)
    """Lines of its configuration that replace the usual ones."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _count: int = 0

    def reply(self, query: bytes) -> bytes:
        """The response to a query; a refusal, too, is a response."""
        with self._lock:
            self._count += 1
            stem = self.folder / f"exchange-{self._count}"
            configuration = self._configuration()
            stem.with_suffix(".tsq").write_bytes(query)
            outcome = peers.openssl(
                *("ts", "-reply", "-config", configuration, "-section", "tsa1"),
                *("-queryfile", stem.with_suffix(".tsq"), "-out", stem.with_suffix(".tsr")),
            )
        assert stem.with_suffix(".tsr").exists(), outcome.text
        return stem.with_suffix(".tsr").read_bytes()

    def _configuration(self) -> Path:
        path, serial = self.folder / "tsa.cnf", self.folder / "serial"
        if not serial.exists():
            serial.write_text("01\n", encoding="ascii")
        settings = {
            "serial": str(serial),
            "crypto_device": "builtin",
            "signer_cert": str(self.credential.certificate_path),
            "signer_key": str(self.credential.key_path),
            "signer_digest": "sha256",
            "default_policy": POLICY,
            "other_policies": OTHER_POLICY,
            "digests": "sha256, sha384, sha512, sha1, md5, ripemd160, sha224",
            "accuracy": "secs:1, millisecs:500, microsecs:100",
            "clock_precision_digits": "0",
            "ordering": "yes",
            "tsa_name": "yes",
            "ess_cert_id_chain": "no",
            "ess_cert_id_alg": "sha256",
            **self.settings,
        }
        lines = ["[tsa]", "default_tsa = tsa1", "[tsa1]", *(f"{name} = {value}" for name, value in settings.items())]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def openssl_tsa(folder: Path, credential: Credential, **settings: str) -> OpensslTsa:
    """An authority that keeps its files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return OpensslTsa(folder=folder, credential=credential, settings=settings)


class Handler(BaseHTTPRequestHandler):
    """One request to the authority."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Answer by the next step of the plan, and properly where there is none."""
        query = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        tsa = self.server.tsa
        tsa.requests.append(Request(path=self.path, headers=dict(self.headers.items()), body=query))
        step = tsa.plan.pop(0) if tsa.plan else properly
        try:
            step(self, query)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def answer(self, status: int, body: bytes, content_type: str | None = REPLY_TYPE, **headers: str) -> None:
        """Send a whole answer."""
        self.send_response(status)
        if content_type is not None:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class has it
        """Say nothing."""


Step = Callable[[Handler, bytes], None]
"""What the server does with one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class HttpTsa:
    """A running authority."""

    url: str
    openssl: OpensslTsa
    user: tuple[str, str] | None
    plan: list[Step] = field(default_factory=list)
    """What to do with the next requests; whoever comes behind the plan gets a proper answer."""
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: what holds a connection open lets it go."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tsa: HttpTsa

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave are part of the tests."""


def properly(handler: Handler, query: bytes) -> None:
    """As RFC 3161 3.4 has it."""
    tsa = handler.server.tsa
    if tsa.user is not None:
        expected = "Basic " + base64.b64encode(":".join(tsa.user).encode()).decode()
        if handler.headers.get("Authorization") != expected:
            handler.answer(401, b"who are you", "text/plain", WWW_Authenticate='Basic realm="tsa"')
            return
    if handler.headers.get("Content-Type") != QUERY_TYPE:
        handler.answer(415, b"no query", "text/plain")
        return
    handler.answer(200, tsa.openssl.reply(query))


@contextmanager
def http_tsa(
    authority: OpensslTsa, *, tls: Credential | None = None, user: tuple[str, str] | None = None
) -> Iterator[HttpTsa]:
    """Run an authority until the block ends: over TLS with a certificate, behind basic authentication with a `user`."""
    server = _Server((LOOPBACK, 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate_path, tls.key_path)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "http" if tls is None else "https"
    host = LOOPBACK if tls is None else "localhost"
    server.tsa = HttpTsa(url=f"{scheme}://{host}:{server.server_port}/tsa", openssl=authority, user=user)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.tsa
    finally:
        server.tsa.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def port_of(url: str) -> int:
    """Port of a URL that names one."""
    port = urlsplit(url).port
    assert port is not None
    return port
