"""A listening socket and the associations that come in by it.

One thread accepts connections and holds those that are still silent, so that they cost a descriptor and nothing more.
A connection gets a thread of its own when its first bytes are there and look like what belongs on this port.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import selectors
import socket
import ssl
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import structlog

from sealgate.errors import ConfigurationError, ConnectionFailed
from sealgate.node.acceptor import AcceptorOptions, Arrival, serve_association
from sealgate.node.admission import Admission, Ending, Place
from sealgate.node.limits import AdmissionLimits
from sealgate.node.negotiation import storage_sop_classes
from sealgate.node.storage_service import LOCAL_LIMIT_EXCEEDED, StorageService
from sealgate.node.tls import handshake
from sealgate.node.upper_layer import (
    A_ABORT,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    AbortReason,
    AbortSource,
    linger,
    short_pdu,
)

BACKLOG: Final = 256
"""Connections that the kernel holds until we accept them."""
_MAX_ACCEPTS_AT_ONCE: Final = 64
"""After so many the silent connections are looked at again."""
_ACCEPT_PAUSE_S: Final = 0.1
"""Without descriptors or memory for another connection: as long as the one that was closed needs to go away."""
_CUT_S: Final = 2.0
"""For associations to end after their sockets have been shut."""
_TLS_HANDSHAKE_RECORD: Final = 0x16
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerOptions:
    """Where to listen, and how."""

    name: str
    """In logs and in `Peer.listener`."""
    address: str = "127.0.0.1"
    """IP address, or "" for every address of the machine."""
    port: int = 11112
    """0: the kernel chooses one."""
    tls: ssl.SSLContext | None = None
    acceptor: AcceptorOptions = field(default_factory=AcceptorOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Silent:
    """A connection of which nothing has come yet."""

    sock: socket.socket
    address: str
    port: int
    opened_at: float


class Listener:
    """One listening socket. `start`, then `stop_accepting` and `close`."""

    def __init__(
        self,
        options: ListenerOptions,
        service: StorageService,
        admission: Admission | None = None,
        server: socket.socket | None = None,
    ) -> None:
        """`admission`: places shared with other listeners; by default this one has its own.

        `server`: a socket that listens already, in place of one on the address of `options`.
        """
        self._options = options
        self._service = service
        self._admission = admission if admission is not None else Admission(AdmissionLimits())
        limits = options.acceptor.limits
        self._silence_s = limits.tls_handshake_s if options.tls else limits.artim_s
        self._log = structlog.get_logger().bind(listener=options.name)
        self._silent: dict[socket.socket, _Silent] = {}  # in the order of arrival, which is that of their deadlines
        self._running: dict[Place, threading.Thread] = {}
        self._running_lock = threading.Lock()
        self._accept_again_at: float | None = None
        self._stopping = False
        self._wake_fd = -1
        self._server = server
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._loop, name=f"listener {options.name}", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """IP address and port on which it listens."""
        assert self._server is not None, "the listener has not been started"
        host, port = self._server.getsockname()[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Listen. Raises ConfigurationError where the address cannot be had."""
        storage_sop_classes()  # so that the first association does not wait for it
        if self._server is None:
            self._server = bind(self._options.address, self._options.port)
        self._server.setblocking(False)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake_fd, selectors.EVENT_READ)
        self._selector.register(self._server, selectors.EVENT_READ)
        self._thread.start()

    def stop_accepting(self) -> None:
        """Take no more connections and close the silent ones; running associations go on."""
        if self._stopping or self._server is None:
            return
        self._stopping = True
        if self._thread.ident is None:  # it was never started
            self._server.close()
            return
        os.eventfd_write(self._wake_fd, 1)
        self._thread.join()
        self._selector.close()
        os.close(self._wake_fd)

    def close(self, deadline_s: float) -> bool:
        """Stop accepting and end all associations; those that serve a message have `deadline_s` seconds to answer it.

        Returns whether all of them could end without being cut off.
        """
        self.stop_accepting()
        deadline = monotonic() + deadline_s
        with self._running_lock:
            running = dict(self._running)
        for place in running:
            place.ask_to_end(Ending.DRAIN)
        for thread in running.values():
            thread.join(max(0.0, deadline - monotonic()))
        late = {place: thread for place, thread in running.items() if thread.is_alive()}
        for place in late:
            place.cut()
        deadline = monotonic() + _CUT_S
        for thread in late.values():
            thread.join(max(0.0, deadline - monotonic()))
        return not late

    # The thread that accepts

    def _loop(self) -> None:
        assert self._server is not None
        try:
            while not self._stopping:
                for key, _ in self._selector.select(self._next_turn_in()):
                    if key.fileobj is self._server:
                        self._accept(self._server)
                    elif isinstance(key.fileobj, socket.socket):
                        self._first_bytes(self._silent[key.fileobj])
                self._close_overdue()
        except Exception:  # nothing else would say that nobody listens any more
            self._log.exception("the listener ended")
            raise
        finally:
            self._server.close()
            for silent in list(self._silent.values()):
                self._forget(silent)
                silent.sock.close()

    def _next_turn_in(self) -> float | None:
        """Seconds until something is due without anybody having sent anything."""
        due = [self._accept_again_at] if self._accept_again_at is not None else []
        oldest = next(iter(self._silent.values()), None)
        if oldest is not None:
            due.append(oldest.opened_at + self._silence_s)
        return max(0.0, min(due) - monotonic()) if due else None

    def _close_overdue(self) -> None:
        now = monotonic()
        while self._silent:
            oldest = next(iter(self._silent.values()))
            if oldest.opened_at + self._silence_s > now:
                break
            self._close_silent(oldest, f"nothing came for {self._silence_s:g} s")
        if self._accept_again_at is not None and self._accept_again_at <= now and self._server is not None:
            self._accept_again_at = None
            self._selector.register(self._server, selectors.EVENT_READ)

    def _accept(self, server: socket.socket) -> None:
        for _ in range(_MAX_ACCEPTS_AT_ONCE):
            try:
                sock, (host, port, *_) = server.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    self._pause_accepting(server, error)
                    return
                continue  # the connection was gone before it was accepted (accept(2))
            if len(self._silent) >= self._admission.limits.max_silent_connections:
                self._close_silent(next(iter(self._silent.values())), "it was silent longest, and there are too many")
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            silent = _Silent(sock=sock, address=_canonical(host), port=port, opened_at=monotonic())
            self._silent[sock] = silent
            self._selector.register(sock, selectors.EVENT_READ)

    def _pause_accepting(self, server: socket.socket, error: OSError) -> None:
        """Without this the listening socket would stay readable and the loop would spin."""
        self._log.error("no connection can be accepted", why=error.strerror)
        if self._silent:
            self._close_silent(next(iter(self._silent.values())), "its place is needed")
        self._selector.unregister(server)
        self._accept_again_at = monotonic() + _ACCEPT_PAUSE_S

    def _first_bytes(self, silent: _Silent) -> None:
        """The connection has sent something, or ended."""
        self._forget(silent)
        log = self._log.bind(address=silent.address, port=silent.port)
        try:
            first = silent.sock.recv(2, socket.MSG_PEEK)
        except OSError:
            first = b""
        if not first:
            silent.sock.close()  # somebody only looked whether the port is open
            return
        objection, farewell = _judge(first, tls=self._options.tls is not None)
        if not objection:
            try:
                place = self._admission.take(silent.sock, silent.address)
            except OSError as error:
                place = None
                log.error("no place for another association", why=error.strerror)
            if place is not None:
                self._start_association(silent, place)
                return
            objection = "there are too many associations, from this address or in all"
            rejection = LOCAL_LIMIT_EXCEEDED
            farewell = short_pdu(A_ASSOCIATE_RJ, rejection.result, rejection.source, rejection.reason)
        log.warning("connection refused", why=objection)
        _dismiss(silent.sock, b"" if self._options.tls else farewell)

    def _forget(self, silent: _Silent) -> None:
        self._selector.unregister(silent.sock)
        del self._silent[silent.sock]

    def _close_silent(self, silent: _Silent, why: str) -> None:
        self._forget(silent)
        self._log.info("connection closed", address=silent.address, port=silent.port, why=why)
        silent.sock.close()

    # The threads of the associations

    def _start_association(self, silent: _Silent, place: Place) -> None:
        thread = threading.Thread(target=self._run, args=(silent, place), name=f"from {silent.address}", daemon=True)
        with self._running_lock:
            self._running[place] = thread
        try:
            thread.start()
        except RuntimeError as error:  # "can't start new thread"
            self._log.error("no thread for another association", why=str(error))
            self._end(place)
            silent.sock.close()

    def _run(self, silent: _Silent, place: Place) -> None:
        log = self._log.bind(address=silent.address, port=silent.port)
        sock = silent.sock
        certificate = None
        opened_at = silent.opened_at
        try:
            if self._options.tls is not None:
                sock = self._options.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                place.replace_socket(sock)
                certificate = handshake(sock, self._options.acceptor.limits.tls_handshake_s)
                opened_at = monotonic()
            arrival = Arrival(
                address=silent.address,
                port=silent.port,
                listener=self._options.name,
                opened_at=opened_at,
                certificate=certificate,
            )
            serve_association(sock, arrival=arrival, place=place, options=self._options.acceptor, service=self._service)
        except (ConnectionFailed, OSError) as error:
            log.warning("connection refused", why=str(error))
            linger(sock)  # the peer is told why by a TLS alert
        finally:
            sock.close()
            self._end(place)

    def _end(self, place: Place) -> None:
        self._admission.give_back(place)
        with self._running_lock:
            del self._running[place]


def _judge(first: bytes, *, tls: bool) -> tuple[str, bytes]:
    """Whether these first bytes belong on this port: an objection, "" if there is none, and what to answer."""
    if tls:
        is_tls = first[0] == _TLS_HANDSHAKE_RECORD
        return ("" if is_tls else "the peer does not speak TLS, and this is a TLS port"), b""
    if first[0] == A_ASSOCIATE_RQ:
        return "", b""
    if first == bytes((_TLS_HANDSHAKE_RECORD, 0x03)):
        return "the peer speaks TLS, and this is a port without TLS", b""
    known = 0 < first[0] <= A_ABORT
    reason = AbortReason.UNEXPECTED_PDU if known else AbortReason.UNRECOGNIZED_PDU
    farewell = short_pdu(A_ABORT, source=AbortSource.SERVICE_PROVIDER, reason=reason)
    return "what came does not begin with an A-ASSOCIATE-RQ", farewell


def _dismiss(sock: socket.socket, farewell: bytes) -> None:
    """Close a connection that is not blocking, after having said why if that is possible at once."""
    try:
        sock.recv(64 << 10)  # what is left unread at close makes TCP reset the connection, and the farewell is lost
        if farewell:
            sock.send(farewell)
            sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the peer is gone
    finally:
        sock.close()


def _canonical(host: str) -> str:
    """An IP address without zone, IPv4 as IPv4 even where it came to an IPv6 socket."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def bind(address: str, port: int) -> socket.socket:
    """A socket that listens on an IP address ("": all) and a port (0: any). Raises ConfigurationError."""
    where = f"port {port} of {address or 'all addresses'}"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise ConfigurationError(f"cannot listen on {where}: that is no IP address") from error
    except OverflowError as error:
        raise ConfigurationError(f"cannot listen on {where}: ports go from 0 to 65535") from error
    except OSError as error:
        advice = {
            errno.EADDRINUSE: "another program listens there; stop it or choose another port",
            errno.EACCES: "ports below 1024 need the capability CAP_NET_BIND_SERVICE; choose another port",
            errno.EADDRNOTAVAIL: "this machine does not have that address",
        }.get(error.errno or 0, error.strerror)
        raise ConfigurationError(f"cannot listen on {where}: {advice}") from error
