"""The configuration: one TOML file, checked as a whole; relative paths in it are relative to its folder."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails

from sealgate.errors import ConfigurationError
from sealgate.policy.rules import Action, Handling
from sealgate.signature.algorithms import MAC_ALGORITHMS
from sealgate.signature.profiles import ProfileName
from sealgate.signature.purposes import PURPOSES
from sealgate.trust.revocation import Revocation
from sealgate.verification.coverage import NO_REQUIREMENT, CoverageRequirement

MAX_CONFIGURATION_BYTES = 1 << 20
"""A configuration file; the largest real ones name some hundred sources in 50 kB."""

MAX_SHOWN_ERRORS = 5
"""Wrong keys that an error names; whoever has more of them reads the documentation anyway."""


def _path(value: object, info: ValidationInfo) -> object:
    """A path, taken from the folder of the configuration file where it is relative."""
    if not isinstance(value, str | Path):
        return value
    base = info.context["folder"] if info.context else Path()
    return base / Path(value).expanduser()


def _mac(value: str) -> str:
    if value not in MAC_ALGORITHMS:
        raise ValueError(f"must be one of {', '.join(MAC_ALGORITHMS)}")
    return value


def _ae_title(value: str) -> str:
    """VR AE (PS3.5 6.2)."""
    if not re.fullmatch(r"[\x20-\x5b\x5d-\x7e]{1,16}", value) or value != value.strip(" "):
        raise ValueError("an AE title takes 1 to 16 printable ASCII characters, no backslash, no spaces around it")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", value):
        raise ValueError("a name takes 1 to 64 letters, digits, spaces and . _ - and begins with a letter or digit")
    return value


def _network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"{error}; a network is written as 192.0.2.0/24, a single address as 192.0.2.7") from error


Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(_network)]
ConfiguredPath = Annotated[Path, BeforeValidator(_path)]
AETitle = Annotated[str, AfterValidator(_ae_title)]
Name = Annotated[str, AfterValidator(_name)]
Port = Annotated[int, Field(ge=1, le=65535)]
ListenPort = Annotated[int, Field(ge=0, le=65535)]


class _Section(BaseModel):
    """A table of the file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NodeSection(_Section):
    """`[node]`: who we are and where we keep things."""

    ae_title: AETitle = "SEALGATE"
    any_called_ae_title: bool = False
    """Take associations whatever called AE title they name."""
    data_dir: ConfiguredPath = Field(default=Path("var/data"), validate_default=True)
    min_free_mib: int = Field(default=512, ge=0)
    """Free space of the data directory below which nothing is taken any more (status A700)."""
    max_associations: int = Field(default=100, ge=1, le=1000)
    max_associations_per_address: int = Field(default=50, ge=1, le=1000)
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that receive, examine and sign; with one, the gateway is a single process."""
    drain_seconds: float = Field(default=25.0, ge=0, le=600)
    """How long an orderly end waits for the instances that are being received."""
    not_for_clinical_use: bool = False
    """Take signing certificates that say NOT FOR CLINICAL USE, as the examples do."""


class TLSSection(_Section):
    """`tls` of a listener: client certificates are required."""

    key: ConfiguredPath
    certificate: ConfiguredPath
    client_ca: ConfiguredPath
    password_file: ConfiguredPath | None = None


class ListenerSection(_Section):
    """`[[listener]]`: a port."""

    name: Name
    address: str = "127.0.0.1"
    port: ListenPort
    tls: TLSSection | None = None
    unrestricted: bool = False
    """Take every SOP class, private ones included, not only the storage SOP classes of the standard."""


class IdentitySection(_Section):
    """`[[identity]]`: a key that signs, with its certificate: in two files, in one (PKCS #12), or on a token."""

    name: Name
    key: ConfiguredPath | None = None
    certificate: ConfiguredPath | None = None
    pkcs12: ConfiguredPath | None = None
    pkcs11: str | None = None
    """URI of a key on a token (RFC 7512); `certificate` where the token has none for it."""
    password_file: ConfiguredPath | None = None
    """Its first line is the password of the key or of the PKCS #12 file, or the PIN of the token."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if [self.key, self.pkcs12, self.pkcs11].count(None) != 2:
            raise ValueError("needs one of key (with certificate), pkcs12 and pkcs11")
        if self.key is not None and self.certificate is None:
            raise ValueError("key needs its certificate")
        if self.pkcs12 is not None and self.certificate is not None:
            raise ValueError("the certificate is the one in the PKCS #12 file; leave certificate out")
        return self


class SourceSection(_Section):
    """`[[source]]`: who may send, and what is done with it. The first source that fits a peer is taken."""

    name: Name
    calling_ae_titles: tuple[AETitle, ...] = ()
    """Empty: any."""
    networks: tuple[Network, ...] = ()
    """Empty: any."""
    listeners: tuple[Name, ...] = ()
    """Empty: any."""
    action: Action
    identity: Name | None = None
    mac: Annotated[str, BeforeValidator(_mac)] = "SHA256"
    elements: tuple[str, ...] = ()
    """Tags or keywords of the elements to sign; empty: all that may be signed."""
    profile: ProfileName = ProfileName.NONE
    """The Digital Signature Profile to sign by."""
    purpose: int | None = Field(default=None, ge=min(PURPOSES), le=max(PURPOSES))
    """Digital Signature Purpose (CID 7007)."""
    on_unsigned: Handling = Handling.HOLD
    on_invalid: Handling = Handling.HOLD
    on_indeterminate: Handling = Handling.HOLD
    on_questionable: Handling = Handling.HOLD
    on_unsignable: Handling = Handling.HOLD
    on_unreadable: Handling = Handling.HOLD
    require_profile: ProfileName = ProfileName.NONE
    """A Digital Signature Profile that at least one good signature of the main data set must fit."""
    require_coverage: tuple[str, ...] = ()
    """What good signatures must cover together: `rendering`, `all`, or tags and keywords."""
    require_timestamp: bool = False
    destinations: tuple[Name, ...] = ()
    """Empty: all."""

    @model_validator(mode="after")
    def _signs_with_identity(self) -> Self:
        if self.action.signs and self.identity is None:
            raise ValueError(f"action {self.action.value!r} needs an identity to sign with")
        if not self.action.signs and (self.profile is not ProfileName.NONE or self.purpose is not None):
            raise ValueError(f"action {self.action.value!r} does not sign, so it takes neither profile nor purpose")
        return self

    @model_validator(mode="after")
    def _requires_where_it_verifies(self) -> Self:
        try:
            coverage = CoverageRequirement.parse(self.require_coverage)
        except ConfigurationError as error:
            raise ValueError(f"require_coverage: {error}") from error
        requires = coverage != NO_REQUIREMENT or self.require_timestamp or self.require_profile is not ProfileName.NONE
        if requires and not self.action.verifies:
            raise ValueError(
                f"action {self.action.value!r} does not verify, so it cannot require anything of signatures"
            )
        return self


class ClientTLSSection(_Section):
    """`tls` of a destination."""

    server_ca: ConfiguredPath
    key: ConfiguredPath | None = None
    certificate: ConfiguredPath | None = None
    password_file: ConfiguredPath | None = None
    check_hostname: bool = False


class DestinationSection(_Section):
    """`[[destination]]`: a folder, or a DICOM node that takes C-STORE."""

    name: Name
    directory: ConfiguredPath | None = None
    ae_title: AETitle | None = None
    host: str | None = None
    port: Port | None = None
    tls: ClientTLSSection | None = None
    associations: int = Field(default=1, ge=1, le=16)
    priority: int = Field(default=0, ge=-100, le=100)
    response_seconds: float = Field(default=60.0, gt=0, le=3600)
    retry_first_seconds: float = Field(default=10.0, gt=0)
    retry_max_seconds: float = Field(default=900.0, gt=0)
    retry_max_age_hours: float = Field(default=168.0, gt=0)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        is_node = self.host is not None and self.port is not None and self.ae_title is not None
        if is_node == (self.directory is not None):
            raise ValueError("needs either directory, or all of ae_title, host and port")
        if self.retry_first_seconds > self.retry_max_seconds:
            raise ValueError("retry_first_seconds is more than retry_max_seconds")
        return self


class TrustSection(_Section):
    """`[trust]`: what signatures are judged by."""

    anchors: tuple[ConfiguredPath, ...] = ()
    intermediates: tuple[ConfiguredPath, ...] = ()
    """Certificates that help to build paths and are trusted for nothing."""
    directories: tuple[ConfiguredPath, ...] = ()
    """Hashed directories, as `openssl rehash` makes them."""
    crls: tuple[ConfiguredPath, ...] = ()
    ocsp_responses: tuple[ConfiguredPath, ...] = ()
    revocation: Revocation = Revocation.IF_GIVEN


class LogSection(_Section):
    """`[log]`: what is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Configuration(_Section):
    """The whole file."""

    node: NodeSection = Field(default_factory=dict, validate_default=True)  # its paths depend on the file
    listener: tuple[ListenerSection, ...] = Field(min_length=1)
    identity: tuple[IdentitySection, ...] = ()
    source: tuple[SourceSection, ...] = Field(min_length=1)
    destination: tuple[DestinationSection, ...] = Field(min_length=1)
    trust: TrustSection = TrustSection()
    log: LogSection = LogSection()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for kind in ("listener", "identity", "source", "destination"):
            names = [section.name for section in getattr(self, kind)]
            if len(set(names)) < len(names):
                raise ValueError(f"two {kind} tables have the same name")
        for source in self.source:
            _require(source.name, "identity", [source.identity] if source.identity else [], self.identity)
            _require(source.name, "destination", source.destinations, self.destination)
            _require(source.name, "listener", source.listeners, self.listener)
        return self

    def destinations_of(self, source: SourceSection) -> dict[str, int]:
        """Names and priorities of the destinations of a source."""
        return {
            d.name: d.priority for d in self.destination if not source.destinations or d.name in source.destinations
        }


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def _require(source: str, kind: str, wanted: Iterable[str], present: Iterable[_Named]) -> None:
    names = {section.name for section in present}
    for name in wanted:
        if name not in names:
            raise ValueError(f"source {source!r} names the {kind} {name!r}, which is not there")


def load(path: Path) -> Configuration:
    """The configuration in the TOML file `path`. Raises ConfigurationError that names file and key."""
    try:
        with path.open("rb") as file:
            encoded = file.read(MAX_CONFIGURATION_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration {path}: {error.strerror}") from error
    if len(encoded) > MAX_CONFIGURATION_BYTES:
        raise ConfigurationError(f"the configuration {path} is larger than {MAX_CONFIGURATION_BYTES >> 20} MiB")
    try:
        tables = tomllib.loads(encoded.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the configuration {path} is no valid TOML: {error}") from error
    return checked(tables, name=str(path), folder=path.parent)


def checked(tables: dict[str, Any], *, name: str, folder: Path) -> Configuration:
    """The configuration that `tables` describe. Raises ConfigurationError that names `name` and the wrong keys."""
    try:
        return Configuration.model_validate(tables, context={"folder": folder})
    except ValidationError as error:
        wrong = [_in_words(detail) for detail in _own(error.errors(include_url=False, include_input=False))]
        more = f"; and {len(wrong) - MAX_SHOWN_ERRORS} more" if len(wrong) > MAX_SHOWN_ERRORS else ""
        text = "; ".join(wrong[:MAX_SHOWN_ERRORS])
        raise ConfigurationError(f"the configuration {name} is wrong at {text}{more}") from error


def _own(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """`details` without the lists that are too short only because a table in them is wrong."""
    places = [detail["loc"] for detail in details]
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(len(place) > len(detail["loc"]) and place[: len(detail["loc"])] == detail["loc"] for place in places)
    ]


_WORDS = {
    "extra_forbidden": "there is no such key",
    "missing": "it is missing",
    "tuple_type": "it has to be a list, in square brackets",
}
"""What people are told of mistakes for which pydantic has words of its own trade."""


def _in_words(detail: ErrorDetails) -> str:
    """Key, counted from 1 in lists, and what is wrong with it."""
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in detail["loc"]) or "the whole"
    return f"{key}: {_WORDS.get(detail['type']) or detail['msg'].removeprefix('Value error, ').rstrip('.')}"
