"""Damaged signatures in nested items: removing, signing again and judging profiles end in a result or in our errors."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from sealgate.dicom import splice
from sealgate.dicom.location import find, signature_carriers
from sealgate.dicom.scan import Carrier, scan
from sealgate.dicom.source import Source
from sealgate.dicom.transfer_syntax import BY_UID, Encoding
from sealgate.errors import SealgateError
from sealgate.signature import model
from sealgate.signature.algorithms import KeyType
from sealgate.signature.create import SigningOptions, sign
from sealgate.signature.itemwise import sign_items
from sealgate.signature.profiles import PROFILES, Reading, deviations, has_verification_signature
from sealgate.signature.purposes import PURPOSES, purpose_of
from sealgate.signature.remove import remove_signature, remove_signatures
from support.elements import BIG, EXPLICIT, IMPLICIT, WRITERS, Writer, part10
from support.pki import Authority, Credential
from support.placing import content, item_locations, put
from support.signing import AT, signer

ENCODINGS = {EXPLICIT: Encoding.EXPLICIT_LE, IMPLICIT: Encoding.IMPLICIT_LE, BIG: Encoding.EXPLICIT_BE}
ROUNDS = 1500
SERIES = 0x00081115


@pytest.fixture(scope="module")
def credential(pki: Authority) -> Credential:
    return pki.issue("fuzz-items", "p256")


def signed_data_set(writer: Writer, credential: Credential) -> bytes:
    """Signatures in the data set and in items, of defined and of undefined length."""
    plain = writer.element(0x00080100, "SH", b"AB")
    inner = writer.sequence(SERIES, writer.item(plain, undefined=True), writer.item(plain), undefined=True)
    flag = writer.element(0x0040A493, "CS", b"VERIFIED")
    whole = writer.sequence(SERIES, writer.item(plain, inner), writer.item(plain, undefined=True)) + flag
    file = part10(writer.element(0x00080018, "UI", b"1.2.34") + whole, writer.uid)
    carrier = scan(Source(content(file)), ENCODINGS[writer])
    for number, location in enumerate(item_locations(carrier)):
        file, _ = put(file, credential, location=location, uid=f"1.2.{number}", purpose=PURPOSES[number % 18 + 1])
    return content(put(file, credential, uid="1.2.99", purpose=PURPOSES[5])[0])


def mutated(octets: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, cut out or repeated."""
    damaged = bytearray(octets)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(damaged))
        way = rng.randrange(4)
        if way == 0:
            damaged[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            damaged[at] = rng.choice((0, 1, 0x20, 0xFE, 0xFF))
        elif way == 2:
            del damaged[at : at + rng.randrange(1, 12)]
        else:
            damaged[at:at] = damaged[at : at + rng.randrange(1, 40)]
    return bytes(damaged)


def everything(data_set: Carrier, writer: Writer, credential: Credential) -> None:
    """Call all that reads signatures in items."""
    with suppress(SealgateError):
        removal = remove_signatures(data_set)
        rest = b"".join(splice.pieces(data_set.source, removal.edits))
        # What is cut out of a data set that can be read leaves one that can be read, without what was cut.
        places = signature_carriers(scan(Source(rest), data_set.encoding))
        assert not any(model.digital_signatures(place.carrier) for place in places)
    with suppress(SealgateError):
        remove_signature(data_set, "1.2.1")
    with suppress(SealgateError):
        has_verification_signature(data_set)
    for place in signature_carriers(data_set):
        assert find(data_set, place.location).enclosing == place.enclosing
        with suppress(SealgateError):
            judge(data_set, place.carrier)
    syntax = BY_UID[writer.uid]
    options = SigningOptions()
    for location in list(item_locations(data_set))[:3]:
        with suppress(SealgateError):
            created = sign(
                data_set, syntax, signer(credential), options, digital_signature_uid="1.2", at=AT, location=location
            )
            rest = b"".join(splice.pieces(data_set.source, created.edits))
            again = find(scan(Source(rest), data_set.encoding), location)
            assert model.digital_signatures(again.carrier)[-1].signature_value == created.signature_value
    with suppress(SealgateError):
        sign_items(data_set, syntax, signer(credential), options, new_uid=lambda: "1.2", at=AT)


def judge(data_set: Carrier, carrier: Carrier) -> None:
    for place in signature_carriers(data_set):
        for signature in model.digital_signatures(carrier):
            purpose_of(signature.item)
            for parameters in model.mac_parameters(carrier):
                for profile in PROFILES.values():
                    for reading in Reading:
                        deviations(profile, place, parameters, signature, KeyType.RSA, reading=reading)


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_damaged_signatures_in_items_end_in_a_result_or_in_our_errors(writer: Writer, credential: Credential) -> None:
    octets = signed_data_set(writer, credential)
    rng = random.Random(str(writer))
    readable = 0
    for _ in range(ROUNDS // len(WRITERS)):
        try:
            data_set = scan(Source(mutated(octets, rng)), ENCODINGS[writer])
        except SealgateError:
            continue
        readable += 1
        with suppress(SealgateError):
            everything(data_set, writer, credential)
    assert readable > 20
