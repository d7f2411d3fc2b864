"""Places for associations: how many there are, who has one, and who gives his up when there is none left."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections import Counter
from enum import Enum
from time import monotonic

from sealgate.node.limits import AdmissionLimits


class Ending(Enum):
    """Why we end an association."""

    DRAIN = "the gateway is stopping"
    RECLAIM = "the place is needed for another association"


class Phase(Enum):
    """What an association is doing. Only what is not BUSY may be asked to make room."""

    NEGOTIATING = "negotiating"  # reading: only its socket can be shut under it
    IDLE = "idle"  # waiting for a message: wakes when it is asked to end
    ARRIVING = "arriving"  # reading the first PDU of a message
    BUSY = "busy"  # serving a message


class Place:
    """One association's place. Its thread says what it is doing; others may ask it to end, or cut it off."""

    def __init__(self, sock: socket.socket, address: str) -> None:
        self.address = address
        self.ending: Ending | None = None
        self.phase = Phase.NEGOTIATING
        self.since = monotonic()
        self.messages = 0
        """Requests begun so far."""
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Readable from the moment at which the association has been asked to end."""
        self._sock = sock
        self._lock = threading.Lock()
        self._closed = False

    def enter(self, phase: Phase) -> None:
        """Said by the association's thread."""
        self.phase = phase
        self.since = monotonic()
        if phase is Phase.BUSY:
            self.messages += 1

    def ask_to_end(self, ending: Ending) -> None:
        """End at the next moment at which no message is under way."""
        with self._lock:
            if self._closed or self.ending is not None:
                return
            self.ending = ending
            os.eventfd_write(self.wake_fd, 1)
            if self.phase is Phase.NEGOTIATING or (self.phase is Phase.ARRIVING and ending is Ending.RECLAIM):
                self._shut_down()

    def replace_socket(self, sock: socket.socket) -> None:
        """Said by the association's thread when TLS takes the connection over."""
        with self._lock:
            self._sock = sock
            if self.ending is not None:
                self._shut_down()

    def cut(self) -> None:
        """End at once: whatever the association's thread reads or writes next fails."""
        with self._lock:
            if not self._closed:
                self._shut_down()

    def _shut_down(self) -> None:
        with contextlib.suppress(OSError):  # the peer was faster
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # not SSLSocket's own, which another thread is using

    def close(self) -> None:
        """Said by the association's thread as its last word."""
        with self._lock:
            self._closed = True
            os.close(self.wake_fd)


class Admission:
    """All places. One may be shared by several listeners; its methods may be called from any thread."""

    def __init__(self, limits: AdmissionLimits) -> None:
        self.limits = limits
        self._places: set[Place] = set()
        self._by_address: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """Places that are taken."""
        return len(self._places)

    def take(self, sock: socket.socket, address: str) -> Place | None:
        """A place for a connection from `address`; None where the limits leave none and nobody is idle enough to go."""
        with self._lock:
            if self._by_address[address] >= self.limits.max_associations_per_address:
                made_room = self._reclaim([place for place in self._places if place.address == address])
            elif len(self._places) >= self.limits.max_associations:
                made_room = self._reclaim(list(self._places))
            else:
                made_room = True
            if not made_room:
                self._by_address += Counter()  # drops the zero that asking may have left
                return None
            place = Place(sock, address)
            self._places.add(place)
            self._by_address[address] += 1
            return place

    def _reclaim(self, candidates: list[Place]) -> bool:
        """End the one of `candidates` that has been idle longest, those that never asked for anything first."""
        now = monotonic()
        idle = [
            (bool(place.messages), place.since, place)
            for place in candidates
            if place.phase is not Phase.BUSY
            and now - place.since >= (self.limits.reclaim_idle_s if place.messages else self.limits.reclaim_unused_s)
        ]
        if not idle:
            return False
        *_, place = min(idle, key=lambda entry: entry[:2])
        place.ask_to_end(Ending.RECLAIM)
        self._remove(place)
        return True

    def give_back(self, place: Place) -> None:
        """The association has ended."""
        with self._lock:
            self._remove(place)
        place.close()

    def _remove(self, place: Place) -> None:
        if place not in self._places:
            return  # it made room for another before
        self._places.remove(place)
        self._by_address[place.address] -= 1
        if not self._by_address[place.address]:
            del self._by_address[place.address]
