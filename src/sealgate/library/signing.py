"""`sealgate.sign`: a signature over a data set or an item, with what belongs to it, as edits of the original bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack, cast, overload

from sealgate.dicom.dictionary import tag_of
from sealgate.dicom.location import MAIN_DATA_SET, Location
from sealgate.errors import ConfigurationError
from sealgate.files.writing import Durability, write_whole
from sealgate.library.sources import BYTES, BytesLike, Given, Opened, PathLike, Reading, opened, target_of
from sealgate.library.uids import new_uid
from sealgate.signature.algorithms import MAC_ALGORITHMS, MacAlgorithm
from sealgate.signature.create import CreatedSignature, SigningOptions
from sealgate.signature.create import sign as create_signature
from sealgate.signature.profiles import PROFILES, Profile, ProfileName
from sealgate.signature.purposes import PURPOSES, Purpose

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from sealgate.dicom.splice import Edit
    from sealgate.library.reencoding import Writing
    from sealgate.library.timestamping import Timestamping
    from sealgate.signature.keys import Signer
    from sealgate.timestamp.request import TimestampRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be signed, where and how."""

    options: SigningOptions
    location: Location = MAIN_DATA_SET
    item_wise: bool = False
    """Sign each item of the sequences of which dcmsign loses bytes on its own; never the same as fully signed."""
    timestamping: Timestamping | None = None
    """Where the certified timestamp comes from, or how the query for one is made; None: neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature that was made, and the data set with it."""

    unsigned: Opened
    """What was signed, in the encoding of the output."""
    given: Opened
    """What the edits are edits of: that, or what already has the signature and gets the timestamp."""
    edits: tuple[Edit, ...]
    created: CreatedSignature
    items: tuple[CreatedSignature, ...] = ()
    """With `item_wise`: the signatures of items, beside that of the main data set."""
    request: TimestampRequest | None = None
    """The timestamp query, where one was asked for."""
    timestamp_warnings: tuple[str, ...] = ()
    has_timestamp: bool = False
    broken: tuple[str, ...] = ()
    """Digital Signature UIDs of older signatures that another encoding of the output broke."""
    reader_dependent: tuple[str, ...] = ()
    """UIDs of older ones that now hold only for readers that know the private elements which they cover."""

    def pieces(self) -> Iterator[bytes | memoryview]:
        """The bytes of the signed file."""
        return self.given.spliced(self.edits)


def sign_opened(
    given: Opened,
    signer: Signer,
    order: Order,
    *,
    writing: Writing | None = None,
    digital_signature_uid: str | None = None,
    at: datetime | None = None,
) -> Signed:
    """Sign a data set that is open, as `writing` encodes it; UID and time are new and now where they are not given.

    Raises CannotSign, KeyUnusable, InputError, ConversionImpossible, and for a timestamp TimestampError and
    NetworkError.
    """
    if writing is not None and writing.changes_something:
        from sealgate.library.reencoding import rewritten

        anew = rewritten(given, writing)
        signed = sign_opened(anew.given, signer, order, digital_signature_uid=digital_signature_uid, at=at)
        return replace(signed, broken=anew.broken, reader_dependent=anew.reader_dependent)
    at = (at or datetime.now(UTC)).astimezone(UTC)
    if order.item_wise:
        signed = _signed_item_by_item(given, signer, order, at)
    else:
        created = create_signature(
            given.carrier,
            given.syntax,
            signer,
            order.options,
            digital_signature_uid=digital_signature_uid or new_uid(),
            at=at,
            location=order.location,
        )
        signed = Signed(unsigned=given, given=given, edits=created.edits, created=created)
    return signed if order.timestamping is None else _timestamped(signed, order.timestamping)


def _signed_item_by_item(given: Opened, signer: Signer, order: Order, at: datetime) -> Signed:
    from sealgate.signature.itemwise import sign_items

    if order.location != MAIN_DATA_SET:
        raise ConfigurationError("signing item by item begins at the main data set; it takes no location")
    made = sign_items(given.carrier, given.syntax, signer, order.options, new_uid=new_uid, at=at)
    return Signed(unsigned=given, given=given, edits=made.edits, created=made.main, items=made.items)


def _timestamped(signed: Signed, timestamping: Timestamping) -> Signed:
    from sealgate.timestamp.insert import insert_token

    request = timestamping.request(signed.created)
    if timestamping.fetch is None:
        return replace(signed, request=request)
    granted = timestamping.token(request)
    edited = signed.given.edited(signed.edits)
    return replace(
        signed,
        given=edited,
        edits=insert_token(edited.carrier, request.digital_signature_uid, granted.token),
        request=request,
        timestamp_warnings=granted.warnings,
        has_timestamp=True,
    )


Element: TypeAlias = str | int | tuple[int, int]
"""An element: its tag as a number, as (group, element) or as `gggg,eeee`, or its keyword."""


class OrderKeywords(TypedDict, total=False):
    """What a signature is to be."""

    location: str | Location
    """Item that is signed, such as `ReferencedSeriesSequence[0]`; by default the main data set."""
    profile: str | ProfileName
    """none, base, creator, authorization, sr or sr-verification (PS3.15 annex C)."""
    purpose: int | Purpose | None
    """Digital Signature Purpose, 1 to 18 (CID 7007)."""
    mac: str | MacAlgorithm
    """RIPEMD160, MD5, SHA1, SHA256 (default), SHA384 or SHA512."""
    elements: Element | Iterable[Element] | None
    """Tags or keywords of the elements to sign, or the only one; by default all that may be."""
    item_wise: bool
    """Sign items on their own where dcmsign would lose bytes of them; never the same as fully signed."""
    private_in_implicit_vr: bool
    """Sign private elements also in implicit VR, where every reader takes their VR from a dictionary of its own."""
    timestamp: str | Callable[[bytes], bytes] | Timestamping | None
    """A certified timestamp: URL of a Time Stamping Authority, or what makes a response (DER) of a query (DER)."""


class SigningKeywords(OrderKeywords, total=False):
    """What `sign` takes by name: what the signature is to be, and what becomes of the result."""

    digital_signature_uid: str | None
    at: datetime | None
    """Digital Signature DateTime, aware; by default now."""
    in_place: bool
    """Write over the input."""
    durability: Durability
    reading: Reading
    """How the input is taken: with or without meta header, in which transfer syntax."""
    writing: Writing
    """How the output is encoded; by default nothing is re-encoded."""
    on_signed: Callable[[Signed], object] | None
    """Is told what was made, with its UID, what is not signed, and the timestamp query."""


@overload
def sign(source: BytesLike, *, signer: Signer, **wishes: Unpack[SigningKeywords]) -> bytes: ...
@overload
def sign(source: Dataset, *, signer: Signer, **wishes: Unpack[SigningKeywords]) -> Dataset: ...
@overload
def sign(
    source: PathLike, output: PathLike | None = None, *, signer: Signer, **wishes: Unpack[SigningKeywords]
) -> Path: ...
def sign(
    source: Given, output: PathLike | None = None, *, signer: Signer, **wishes: Unpack[SigningKeywords]
) -> bytes | Path | Dataset:
    """Sign a data set (PS3.3 C.12.1.1.3) and give back the same kind of thing: bytes, a path, or a pydicom Dataset.

    Two sequences are inserted into the original bytes, and nothing else in them changes. A file is written to `output`
    as a whole or not at all, and never over the input unless `in_place=True`. For `signer` see `sealgate.load_signer`,
    for what else can be wished `SigningKeywords`.

        >>> signer = sealgate.load_signer("signer.key", "signer.pem")
        >>> sealgate.sign("ct.dcm", "signed.dcm", signer=signer)
        PosixPath('signed.dcm')
        >>> signed = sealgate.sign(pydicom.dcmread("ct.dcm"), signer=signer, profile="creator", mac="SHA512")
        >>> len(signed.DigitalSignaturesSequence)
        1

    Raises InputError, CannotSign, KeyUnusable, ConfigurationError, UnwritableFile, and with a timestamp TimestampError
    and NetworkError.
    """
    in_place = wishes.pop("in_place", False)
    durability = wishes.pop("durability", Durability.FILE)
    reading = wishes.pop("reading", Reading())
    uid, at = wishes.pop("digital_signature_uid", None), wishes.pop("at", None)
    writing = wishes.pop("writing", None)
    on_signed = wishes.pop("on_signed", None)
    order = order_of(**cast(OrderKeywords, wishes))
    target = target_of(source, output, in_place)
    given = opened(source, reading)
    with given.naming():
        signed = sign_opened(given, signer, order, writing=writing, digital_signature_uid=uid, at=at)
    if on_signed is not None:
        on_signed(signed)
    return handed_back(source, target, signed.pieces(), durability=durability, in_place=in_place)


def handed_back(
    source: Given,
    target: Path | None,
    pieces: Iterable[bytes | memoryview],
    *,
    durability: Durability = Durability.FILE,
    in_place: bool = False,
) -> bytes | Path | Dataset:
    """A result as what `source` was: the file `target`, bytes, or a Dataset. Raises UnwritableFile."""
    if target is not None:
        write_whole(target, pieces, durability=durability, like=target if in_place else None)
        return target
    content = b"".join(pieces)
    if isinstance(source, BYTES):
        return content
    from sealgate.library.datasets import dataset_of

    return dataset_of(content, like=source)  # type: ignore[arg-type]  # paths have a target


def order_of(
    *,
    location: str | Location = MAIN_DATA_SET,
    profile: str | ProfileName = ProfileName.NONE,
    purpose: int | Purpose | None = None,
    mac: str | MacAlgorithm = "SHA256",
    elements: Element | Iterable[Element] | None = None,
    item_wise: bool = False,
    private_in_implicit_vr: bool = False,
    timestamp: str | Callable[[bytes], bytes] | Timestamping | None = None,
) -> Order:
    """The order that words and numbers stand for. Raises ConfigurationError."""
    return Order(
        options=SigningOptions(
            mac_algorithm=mac_algorithm_of(mac),
            elements=None if elements is None else _elements_of(elements),
            profile=profile_of(profile),
            purpose=purpose_of(purpose),
            private_in_implicit_vr=private_in_implicit_vr,
        ),
        location=location_of(location),
        item_wise=item_wise,
        timestamping=_timestamping(timestamp),
    )


def location_of(location: str | Location) -> Location:
    """The location of a written one; `Main Dataset` is the main data set. Raises LocationInvalid."""
    if isinstance(location, Location):
        return location
    return MAIN_DATA_SET if location == str(MAIN_DATA_SET) else Location.parse(location)


def mac_algorithm_of(name: str | MacAlgorithm) -> MacAlgorithm:
    """The MAC algorithm of a name, in whatever case. Raises ConfigurationError."""
    if isinstance(name, MacAlgorithm):
        return name
    algorithm = MAC_ALGORITHMS.get(name.upper())
    if algorithm is None:
        raise ConfigurationError(f"{name!r} is no MAC algorithm; choose one of {', '.join(MAC_ALGORITHMS)}")
    return algorithm


def _elements_of(elements: Element | Iterable[Element]) -> tuple[int, ...]:
    if isinstance(elements, str | int):
        return (element_of(elements),)  # a text is no list of its characters
    return tuple(element_of(element) for element in elements)


def element_of(element: Element) -> int:
    """The tag of a number, of `gggg,eeee`, of a keyword, or of a group and an element. Raises ConfigurationError."""
    if isinstance(element, int):
        return int(element)
    if isinstance(element, tuple):
        element = "{:04x},{:04x}".format(*element)
    try:
        return tag_of(element)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def profile_of(name: str | ProfileName) -> Profile:
    """The profile of a name. Raises ConfigurationError."""
    try:
        return PROFILES[ProfileName(name)]
    except ValueError as error:
        choice = ", ".join(ProfileName)
        raise ConfigurationError(f"{name!r} is no Digital Signature Profile; choose one of {choice}") from error


def purpose_of(code: int | Purpose | None) -> Purpose | None:
    """The purpose of a code. Raises ConfigurationError."""
    if code is None or isinstance(code, Purpose):
        return code
    if code not in PURPOSES:
        raise ConfigurationError(f"{code} is no Digital Signature Purpose; choose 1 to {max(PURPOSES)}")
    return PURPOSES[code]


def _timestamping(timestamp: str | Callable[[bytes], bytes] | Timestamping | None) -> Timestamping | None:
    if timestamp is None:
        return None
    from sealgate.library.timestamping import timestamping_of

    return timestamping_of(timestamp)


__all__ = ["Order", "Signed", "SigningKeywords", "order_of", "sign", "sign_opened"]
