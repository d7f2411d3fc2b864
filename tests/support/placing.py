"""Sign and remove at any place of a file in memory, and list the places that there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sealgate.dicom import splice
from sealgate.dicom.deflate import deflate
from sealgate.dicom.location import MAIN_DATA_SET, Location
from sealgate.dicom.part10 import DataSet
from sealgate.dicom.scan import Carrier, walk_element
from sealgate.dicom.splice import Edit
from sealgate.dicom.walk import Kind
from sealgate.signature.create import CreatedSignature, SigningOptions, sign
from sealgate.signature.remove import Removal, remove_signature, remove_signatures
from support.pki import Credential
from support.signing import AT, UID, opened, signer


def spliced(data_set: DataSet, edits: tuple[Edit, ...]) -> bytes:
    """A whole file after edits of its data set."""
    content = b"".join(splice.pieces(data_set.source, edits))
    return bytes(data_set.header) + (b"".join(deflate([content])) if data_set.syntax.deflated else content)


def content(file: bytes) -> bytes:
    """The data set of a file, inflated."""
    return bytes(opened(file)[0].source.view)


def put(
    file: bytes,
    credential: Credential,
    options: SigningOptions | None = None,
    *,
    location: Location = MAIN_DATA_SET,
    uid: str = UID,
    at: datetime = AT,
    **changes: object,
) -> tuple[bytes, CreatedSignature]:
    """Sign at `location` of a file; the file with the signature, and what was created. `changes` are options."""
    data_set, carrier = opened(file)
    chosen = replace(options if options is not None else SigningOptions(), **changes)  # type: ignore[arg-type]
    created = sign(
        carrier,
        data_set.syntax,
        signer(credential),
        chosen,
        digital_signature_uid=uid,
        at=at,
        location=location,
    )
    return spliced(data_set, created.edits), created


def take(file: bytes, uid: str | None = None) -> tuple[bytes, Removal]:
    """Remove one signature, or all; the file without it, and what was removed."""
    data_set, carrier = opened(file)
    removal = remove_signatures(carrier) if uid is None else remove_signature(carrier, uid)
    return spliced(data_set, removal.edits), removal


def item_locations(data_set: Carrier) -> Iterator[Location]:
    """The location of every item of every sequence, in the order of the bytes."""
    for element in data_set.elements:
        if element.kind is not Kind.SEQUENCE:
            continue
        path = [[element.tag, -1]]
        for token in walk_element(data_set, element):
            if token.kind is Kind.SEQUENCE:
                path.append([token.tag, -1])
            elif token.kind is Kind.SEQUENCE_END and len(path) > 1:
                path.pop()
            elif token.kind is Kind.ITEM:
                path[-1][1] += 1
                yield Location(tuple((tag, number) for tag, number in path))
