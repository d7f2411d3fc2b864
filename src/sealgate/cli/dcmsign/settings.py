"""What the options ask for, found out in the order in which dcmsign does it, with its checks and its words.

Files that options name are read here already, as dcmsign does it: certificates, revocation lists and tag files when
their option has its turn, and the dump file is made last. So an error in one of them comes before a later one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, NamedTuple

from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.command_line import Arguments, Occurrence, UsageError
from sealgate.cli.dcmsign.logging_options import set_level
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.tag_file import read_tag_file
from sealgate.cli.dcmsign.tag_names import tag_of
from sealgate.cli.dcmsign.trust_files import TrustFiles


class Command(Enum):
    """What is to be done; the values are the options."""

    VERIFY = "--verify"
    SIGN = "--sign"
    SIGN_ITEM = "--sign-item"
    INSERT_TIMESTAMP = "--insert-timestamp"
    REMOVE = "--remove"
    REMOVE_ALL = "--remove-all"

    @property
    def signs(self) -> bool:
        """Whether a signature is made."""
        return self in (Command.SIGN, Command.SIGN_ITEM)


class ReadMode(Enum):
    """Which form of input is taken."""

    ANY = "--read-file"
    FILE_ONLY = "--read-file-only"
    DATA_SET = "--read-dataset"


class SignaturePolicy(Enum):
    """Which signatures must be there; the values are what messages call them."""

    IF_PRESENT = ""
    ANY = "any"
    CREATOR = "Creator RSA Signature"
    AUTHORIZATION = "Authorization RSA Signature"
    SR = "SR RSA Signature"


class TimestampPolicy(Enum):
    """What is done about certified timestamps."""

    VERIFY = "--verify-ts"
    IGNORE = "--ignore-ts"
    REQUIRE = "--require-ts"


@dataclass(slots=True, kw_only=True)
class TimestampFiles:
    """Files of a timestamp, and what the query asks for."""

    query: str
    response: str = ""
    uid: str
    mac_algorithm: str = "SHA256"
    nonce: bool = True
    certificate: bool = True
    policy: str = ""


@dataclass(slots=True, kw_only=True)
class Settings:
    """What one run does. Filled by `settle`, and not changed after that."""

    input: str = ""
    output: str | None = None
    read_mode: ReadMode = ReadMode.ANY
    read_syntax: str | None = None
    """`detect`, or `little`, `big`, `implicit`; None: what the file says."""
    convert_un: bool = False
    command: Command = Command.VERIFY
    key_file: str | None = None
    certificate_file: str | None = None
    location: str = ""
    """Location string of --sign-item, or the UID of --remove."""
    is_der: bool = False
    signature_policy: SignaturePolicy = SignaturePolicy.IF_PRESENT
    timestamp_policy: TimestampPolicy = TimestampPolicy.VERIFY
    trust: TrustFiles = field(default_factory=TrustFiles)
    password: bytes | None = None
    profile: str = "none"
    mac_algorithm: str = "RIPEMD160"
    purpose: int | None = None
    tags: list[int] | None = None
    """Elements to be signed; None: all. An empty list is dcmsign's way to sign nothing."""
    old_format: bool = False
    timestamp: TimestampFiles | None = None
    write_syntax: str | None = None
    """`little`, `big` or `implicit`; None: that of the input."""
    undefined_lengths: bool = False
    dump: IO[bytes] | None = None


class _Choice(NamedTuple):
    """One alternative of a block."""

    value: object
    needs: str = ""
    """What dcmsign says that the option is only allowed with; empty: with everything."""


_SIGNING = "--sign or --sign-item"
_NEEDS: dict[str, Callable[[Settings], bool]] = {
    "": lambda _: True,
    _SIGNING: lambda settings: settings.command.signs,
    "--sign": lambda settings: settings.command is Command.SIGN,
    "--verify": lambda settings: settings.command is Command.VERIFY,
    "--read-dataset": lambda settings: settings.read_mode is ReadMode.DATA_SET,
    "--timestamp-file": lambda settings: settings.timestamp is not None,
}
_BLOCKS: dict[str, dict[str, _Choice]] = {
    "read_mode": {mode.value: _Choice(mode) for mode in ReadMode},
    "read_syntax": {
        "--read-xfer-auto": _Choice(None),
        "--read-xfer-detect": _Choice("detect"),
        "--read-xfer-little": _Choice("little", "--read-dataset"),
        "--read-xfer-big": _Choice("big", "--read-dataset"),
        "--read-xfer-implicit": _Choice("implicit", "--read-dataset"),
    },
    "convert_un": {"--retain-un": _Choice(False), "--convert-un": _Choice(True)},
    "is_der": {"--pem-keys": _Choice(False), "--der-keys": _Choice(True)},
    "signature_policy": {
        "--verify-if-present": _Choice(SignaturePolicy.IF_PRESENT, "--verify"),
        "--require-sig": _Choice(SignaturePolicy.ANY, "--verify"),
        "--require-creator": _Choice(SignaturePolicy.CREATOR, "--verify"),
        "--require-auth": _Choice(SignaturePolicy.AUTHORIZATION, "--verify"),
        "--require-sr": _Choice(SignaturePolicy.SR, "--verify"),
    },
    "timestamp_policy": {policy.value: _Choice(policy, "--verify") for policy in TimestampPolicy},
    "profile": {
        "--profile-none": _Choice("none", _SIGNING),
        "--profile-base": _Choice("base", _SIGNING),
        "--profile-creator": _Choice("creator", "--sign"),
        "--profile-auth": _Choice("authorization", "--sign"),
        "--profile-sr": _Choice("sr", "--sign"),
        "--profile-srv": _Choice("sr-verification", "--sign"),
    },
    "mac_algorithm": {
        f"--mac-{name.lower()}": _Choice(name, _SIGNING)
        for name in ("RIPEMD160", "SHA1", "MD5", "SHA256", "SHA384", "SHA512")
    },
    "old_format": {"--format-new": _Choice(False), "--format-old": _Choice(True)},
    "write_syntax": {
        "--write-xfer-same": _Choice(None),
        "--write-xfer-little": _Choice("little"),
        "--write-xfer-big": _Choice("big"),
        "--write-xfer-implicit": _Choice("implicit"),
    },
    "undefined_lengths": {"--length-explicit": _Choice(False), "--length-undefined": _Choice(True)},
}
_TIMESTAMP_BLOCKS: dict[str, dict[str, _Choice]] = {
    "mac_algorithm": {
        f"--ts-mac-{name.lower()}": _Choice(name, "--timestamp-file")
        for name in ("SHA256", "SHA384", "SHA512", "RIPEMD160", "SHA1", "MD5")
    },
    "nonce": {"--ts-use-nonce": _Choice(True, "--timestamp-file"), "--ts-no-nonce": _Choice(False, "--timestamp-file")},
    "certificate": {
        "--ts-request-cert": _Choice(True, "--timestamp-file"),
        "--ts-no-cert": _Choice(False, "--timestamp-file"),
    },
}
_AUTHORIZATION_ADVICE = (
    "The Authorization RSA Digital Signature Profile requires that any\n"
    "attributes whose values are verifiable by the technician or physician\n"
    "(e.g., their values are displayed to the technician or physician) must\n"
    "be included in the signature. Please assure this using --tag options."
)
_PURPOSE_CODES = range(1, 19)
_NUMBER = re.compile(r"[ \t\n\v\f\r]*\+?([0-9]+)")


def settle(arguments: Arguments, run: Run) -> Settings:
    """Evaluate the options. Raises UsageError, and Ended where a file that an option names does not serve."""
    set_level(arguments, run)
    settings = Settings(input=arguments.parameters[0])
    if len(arguments.parameters) > 1:
        settings.output = arguments.parameters[1]
    for name in ("read_mode", "read_syntax", "convert_un"):
        _settle_block(settings, name, arguments)
    _settle_command(settings, arguments)
    for name in ("is_der", "signature_policy", "timestamp_policy"):
        _settle_block(settings, name, arguments)
    _load_trust(settings, arguments, run)
    _settle_password(settings, arguments)
    _settle_block(settings, "profile", arguments, _advise(run))
    _settle_block(settings, "mac_algorithm", arguments)
    _settle_purpose(settings, arguments)
    _settle_tags(settings, arguments, run)
    _settle_block(settings, "old_format", arguments)
    _settle_timestamp(settings, arguments)
    for name in ("write_syntax", "undefined_lengths"):
        _settle_block(settings, name, arguments)
    _open_dump(settings, arguments, run)
    return settings


def _check(settings: Settings, option: str, needs: str) -> None:
    if not _NEEDS[needs](settings):
        raise UsageError(f"{option} only allowed with {needs}")


def _alternatives(
    settings: Settings, arguments: Arguments, choices: dict[str, _Choice]
) -> Iterable[tuple[Occurrence, object]]:
    for occurrence in arguments.block(choices):
        choice = choices[occurrence.long]
        _check(settings, occurrence.long, choice.needs)
        yield occurrence, choice.value


def _settle_block(
    settings: Settings, name: str, arguments: Arguments, found: Callable[[str], None] = lambda _: None
) -> None:
    for occurrence, value in _alternatives(settings, arguments, _BLOCKS[name]):
        setattr(settings, name, value)
        found(occurrence.long)


def _advise(run: Run) -> Callable[[str], None]:
    def advise(option: str) -> None:
        if option == "--profile-auth":
            run.messages.warn(_AUTHORIZATION_ADVICE)

    return advise


def _settle_command(settings: Settings, arguments: Arguments) -> None:
    for occurrence in arguments.block(command.value for command in Command):
        command = settings.command = Command(occurrence.long)
        if command is not Command.VERIFY and settings.output is None:
            raise UsageError(f"parameter dcmfile-out required for {occurrence.long}")
        if command.signs:
            # They stay even where a command to the right takes over, and then are read for nothing.
            settings.key_file, settings.certificate_file = occurrence.values[:2]
        if command is Command.INSERT_TIMESTAMP:
            query, response, uid = occurrence.values
            settings.timestamp = TimestampFiles(query=query, response=response, uid=uid)
        elif command in (Command.SIGN_ITEM, Command.REMOVE):
            settings.location = occurrence.values[-1]
    if settings.command is Command.VERIFY and settings.output is not None:
        raise UsageError("parameter dcmfile-out not allowed for --verify")


def _load_trust(settings: Settings, arguments: Arguments, run: Run) -> None:
    trust = settings.trust
    loads = (
        ("--add-cert-file", trust.add_trusted, "certificate file"),
        ("--add-ucert-file", trust.add_untrusted, "certificate file"),
        ("--add-cert-dir", trust.add_directory, "certificates from directory"),
        ("--add-crl-file", trust.add_crl, "CRL file"),
    )
    for option, load, what in loads:
        for occurrence in arguments.from_right(option):
            _check(settings, option, "--verify")
            if not load(occurrence.values[0], is_der=settings.is_der):
                run.messages.warn(f"unable to load {what} '{occurrence.values[0]}', ignoring")
    if arguments.has("--enable-crl-vfy"):
        _check(settings, "--enable-crl-vfy", "--verify")
        trust.check_crl = True


def _settle_password(settings: Settings, arguments: Arguments) -> None:
    for occurrence in arguments.block(("--std-passwd", "--use-passwd", "--null-passwd")):
        _check(settings, occurrence.long, _SIGNING)
        settings.password = None
        if occurrence.long == "--use-passwd":
            settings.password = occurrence.values[0].encode("utf-8", "surrogateescape")
        elif occurrence.long == "--null-passwd":
            settings.password = b""


def _settle_purpose(settings: Settings, arguments: Arguments) -> None:
    for occurrence in arguments.block(("--no-sig-purpose", "--sig-purpose")):
        _check(settings, occurrence.long, _SIGNING)
        settings.purpose = _purpose_code(occurrence.values[0]) if occurrence.values else None


def _purpose_code(text: str) -> int:
    match = _NUMBER.match(text)
    wrong = "Invalid value for option --sig-purpose"
    if match is None:
        raise UsageError(f"{wrong} ({text})" if text else wrong)
    digits = match[1].lstrip("0")
    code = int(digits or "0") if len(digits) <= 3 else _PURPOSE_CODES.stop  # long numbers are costly, and too high
    if code not in _PURPOSE_CODES:
        raise UsageError(f"{wrong} ({'underflow' if code < _PURPOSE_CODES.start else 'overflow'}: {text})")
    return code


def _settle_tags(settings: Settings, arguments: Arguments, run: Run) -> None:
    for occurrence in arguments.block(("--tag-file",)):
        settings.tags = read_tag_file(occurrence.values[0], run)
    for occurrence in arguments.from_right("--tag"):
        (text,) = occurrence.values
        tag = tag_of(text, run.dictionary)
        if tag is None:
            run.messages.fatal(f"unknown attribute tag '{text}'")
            raise Ended(Code.COMMANDLINE_SYNTAX_ERROR)
        settings.tags = [*(settings.tags or ()), tag]


def _settle_timestamp(settings: Settings, arguments: Arguments) -> None:
    for occurrence in arguments.block(("--timestamp-off", "--timestamp-file")):
        _check(settings, occurrence.long, _SIGNING)
        settings.timestamp = None
        if occurrence.values:
            settings.timestamp = TimestampFiles(query=occurrence.values[0], uid=occurrence.values[1])
    for name, choices in _TIMESTAMP_BLOCKS.items():
        for _, value in _alternatives(settings, arguments, choices):
            setattr(settings.timestamp, name, value)
    for occurrence in arguments.block(("--ts-no-policy", "--ts-policy")):
        _check(settings, occurrence.long, "--timestamp-file")
        assert settings.timestamp is not None
        settings.timestamp.policy = occurrence.values[0] if occurrence.values else ""


def _open_dump(settings: Settings, arguments: Arguments, run: Run) -> None:
    for occurrence in arguments.block(("--dump",)):
        _check(settings, "--dump", _SIGNING)
        try:
            settings.dump = Path(occurrence.values[0]).open("wb")  # noqa: SIM115  (closed when the run ends)
        except (OSError, ValueError) as error:
            run.messages.fatal(f"unable to create dump file '{occurrence.values[0]}'")
            raise Ended(Code.CANNOT_WRITE_SUPPORT_FILE) from error
