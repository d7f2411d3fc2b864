"""The TLS port of a running gateway: who is kept out, that it is said why, and that nobody else notices."""

from __future__ import annotations

import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from sealgate.errors import NetworkError
from sealgate.node.negotiation import VERIFICATION_SOP_CLASS_UID
from sealgate.node.requestor import RemoteNode, Requestor
from sealgate.node.tls import client_context
from support.elements import IMPLICIT_LE_UID
from support.gateway import Gateway, gateway, tls
from support.instances import ct_slice, send
from support.pki import Authority, Credential
from support.ports import LOOPBACK
from support.raw_peer import associate_request
from support.waiting import wait_until

SILENT = 50
HALF = 30
"""Connections that have begun a handshake hold one of the 50 places of their address until it is needed."""
ECHO_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The gateway and a modality that it knows."""

    gateway: Gateway
    pki: Authority
    modality: Credential

    @property
    def port(self) -> int:
        return self.gateway.ports["tls"]

    def context(self, credential: Credential | None = None) -> ssl.SSLContext:
        """That of a client that trusts the gateway."""
        return client_context(
            server_ca=self.pki.certificate_path,
            key=credential.key_path if credential else None,
            certificate=credential.certificate_path if credential else None,
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, pki: Authority) -> Iterator[Site]:
    listeners = [
        {"name": "plain", "port": 0},
        {"name": "tls", "port": 0, "tls": tls(pki.issue("gateway"), pki.certificate_path)},
    ]
    with gateway(tmp_path_factory.mktemp("tls"), tables={"listener": listeners}) as running:
        yield Site(gateway=running, pki=pki, modality=pki.issue("modality"))


def echo_seconds(port: int, context: ssl.SSLContext | None) -> float:
    """How long a C-ECHO takes, from the connection to the end of the association."""
    started = time.monotonic()
    remote = RemoteNode(host=LOOPBACK, port=port, tls=context)
    with Requestor(remote, [(VERIFICATION_SOP_CLASS_UID, IMPLICIT_LE_UID)]) as requestor:
        assert requestor.echo() == 0
    return time.monotonic() - started


def refusal(site: Site, port: int, context: ssl.SSLContext | None) -> str:
    """The one line that the log gets about an attempt to echo, which must fail."""
    before = len(site.gateway.log)
    with pytest.raises(NetworkError):
        echo_seconds(port, context)

    def refusals() -> list[str]:
        return [line for line in site.gateway.log[before:].splitlines() if "connection refused" in line]

    wait_until(refusals, "a line in the log")
    (line,) = refusals()
    return line


def test_a_known_modality_is_served_and_the_register_knows_its_certificate(site: Site) -> None:
    instance = ct_slice(1)
    (response,) = send(site.port, [instance], tls=site.context(site.modality))
    assert response.status == 0
    (record,) = site.gateway.ask("audit_list", sop_instance_uid=instance.sop_instance_uid)
    assert len(record["peer_certificate_sha256"]) == 64


def test_a_client_without_a_certificate_is_refused(site: Site) -> None:
    line = refusal(site, site.port, site.context())
    assert "the peer showed no certificate" in line
    assert echo_seconds(site.port, site.context(site.modality)) < ECHO_SECONDS


def test_a_client_with_a_foreign_certificate_is_refused(site: Site, tmp_path: Path) -> None:
    # Of the same name as the right one, so that only the signature of the authority tells them apart.
    foreign = Authority(tmp_path / "foreign").issue("modality")
    line = refusal(site, site.port, site.context(foreign))
    assert "the peer's certificate is not accepted" in line
    assert echo_seconds(site.port, site.context(site.modality)) < ECHO_SECONDS


def test_a_client_whose_certificate_has_expired_is_refused(site: Site) -> None:
    now = site.pki.now
    expired = site.pki.issue("expired", not_before=now - timedelta(days=3), not_after=now - timedelta(days=2))
    assert "certificate has expired" in refusal(site, site.port, site.context(expired))


def test_a_client_that_offers_only_tls_1_1_is_refused(site: Site) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(site.pki.certificate_path)
    context.load_cert_chain(site.modality.certificate_path, site.modality.key_path)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # that this version is old is the point
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    line = refusal(site, site.port, context)
    assert "unsupported protocol" in line
    assert echo_seconds(site.port, site.context(site.modality)) < ECHO_SECONDS


def test_a_client_without_tls_on_the_tls_port_is_told_apart(site: Site) -> None:
    assert "the peer does not speak TLS, and this is a TLS port" in refusal(site, site.port, None)


def test_a_tls_client_on_the_plain_port_is_told_apart(site: Site) -> None:
    line = refusal(site, site.gateway.ports["plain"], site.context(site.modality))
    assert "the peer speaks TLS, and this is a port without TLS" in line


@pytest.mark.parametrize(
    ("count", "first_bytes"), [(SILENT, b""), (HALF, b"\x16\x03\x01")], ids=["silent", "half a ClientHello"]
)
def test_connections_without_a_handshake_do_not_slow_an_echo(count: int, first_bytes: bytes, site: Site) -> None:
    connections = [socket.create_connection((LOOPBACK, site.port)) for _ in range(count)]
    try:
        for connection in connections:
            connection.sendall(first_bytes)
        for _ in range(5):
            assert echo_seconds(site.port, site.context(site.modality)) < ECHO_SECONDS
    finally:
        for connection in connections:
            connection.close()


def test_connections_that_show_nothing_are_closed(site: Site) -> None:
    with socket.create_connection((LOOPBACK, site.port), timeout=15) as connection:
        assert connection.recv(1) == b""


def test_a_peer_that_ends_the_handshake_gets_no_thread_to_keep(site: Site) -> None:
    def threads() -> int:
        return len(list(Path(f"/proc/{site.gateway.pid}/task").iterdir()))

    echo_seconds(site.port, site.context(site.modality))
    wait_until(lambda: threads() < 20, "the end of earlier associations")
    before = threads()
    for _ in range(20):
        with socket.create_connection((LOOPBACK, site.port)) as connection:
            connection.sendall(associate_request())
        with socket.create_connection((LOOPBACK, site.port)) as connection:
            connection.sendall(b"\x16\x03\x01\x00\x05hello")
    wait_until(lambda: threads() <= before, "the end of all threads of peers that are gone")
