"""The command line of `sealgate dcmsign`: words, options, what wins, what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.cli.dcmsign import main
from sealgate.cli.dcmsign.codes import Code, Ended
from sealgate.cli.dcmsign.command_line import UsageError, expanded, parse
from sealgate.cli.dcmsign.messages import Level, Messages
from sealgate.cli.dcmsign.options import all_options
from sealgate.cli.dcmsign.run import Run
from sealgate.cli.dcmsign.settings import Command, Settings, SignaturePolicy, settle
from sealgate.cli.dcmsign.tag_names import Kind, next_token, tag_of
from sealgate.dicom.dictionary import STANDARD

SIGN = ("+s", "k", "c", "in.dcm", "out.dcm")
QUIET = "-ll", "off"


def settled(*words: str) -> Settings:
    return settle(parse(words), Run())


def complaint(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        settled(*words)
    return str(caught.value)


def test_spellings_are_unique_and_begin_with_a_sign() -> None:
    spellings = [name for option in all_options() for name in (option.long, option.short) if name]
    assert len(set(spellings)) == len(spellings)
    assert all(name[0] in "+-" and len(name) > 1 and not name[1].isdigit() for name in spellings)


def test_both_spellings_of_every_option_mean_the_same() -> None:
    for option in all_options():
        if not option.short:
            continue
        values = [f"v{number}" for number in range(option.values)]
        assert parse([option.short, *values, "in"]).words == parse([option.long, *values, "in"]).words


def test_the_rightmost_alternative_wins() -> None:
    assert settled("+m2", "+m5", *SIGN).mac_algorithm == "SHA512"
    assert settled("+m5", "+m2", *SIGN).mac_algorithm == "SHA256"
    assert settled("+rg", "+rv", "in").signature_policy is SignaturePolicy.IF_PRESENT
    assert settled("+pw", "x", "-pw", *SIGN).password == b""
    assert settled("-pw", "+ps", *SIGN).password is None
    assert settled("+te", "+t=", "in").write_syntax is None
    assert settled("--verify", *SIGN).command is Command.SIGN


def test_a_command_on_the_left_leaves_its_files_to_be_read() -> None:
    found = settled("+s", "k", "c", "+ra", "in", "out")
    assert (found.command, found.key_file, found.certificate_file) == (Command.REMOVE_ALL, "k", "c")


def test_defaults_are_those_of_dcmsign() -> None:
    found = settled(*SIGN)
    assert (found.mac_algorithm, found.profile, found.purpose, found.tags) == ("RIPEMD160", "none", None, None)
    assert (found.is_der, found.old_format, found.convert_un, found.undefined_lengths) == (False, False, False, False)
    assert settled("in").command is Command.VERIFY


def test_options_of_another_command_are_refused_in_the_order_of_the_table() -> None:
    assert complaint("+cf", "x", *SIGN) == "--add-cert-file only allowed with --verify"
    assert complaint("+pc", "+si", "k", "c", "X[0]", "in", "out") == "--profile-creator only allowed with --sign"
    assert complaint("+m2", "+pw", "x", "in") == "--use-passwd only allowed with --sign or --sign-item"
    assert complaint("+tm2", "+tn", *SIGN) == "--ts-mac-sha256 only allowed with --timestamp-file"
    assert complaint("-ti", "in") == "--read-xfer-implicit only allowed with --read-dataset"


@pytest.mark.parametrize("text", ["0", "19", "-1", "", "x", "0x5", "9" * 5000])
def test_a_purpose_beyond_the_list_is_refused(text: str) -> None:
    assert complaint("+sp", text, *SIGN).startswith("Invalid value for option --sig-purpose")


def test_a_purpose_may_be_written_like_a_number_of_c() -> None:
    assert [settled("+sp", text, *SIGN).purpose for text in ("5", "05", " 5", "+5", "5x")] == [5] * 5


def test_tags_of_the_command_line_come_behind_those_of_the_file_and_from_the_right(tmp_path: Path) -> None:
    (tmp_path / "tags").write_text("PatientID (0008,0018)")
    found = settled("-t", "0010,0010", "-t", "PatientSex", "-tf", str(tmp_path / "tags"), *SIGN)
    assert found.tags == [0x00100020, 0x00080018, 0x00100040, 0x00100010]


def test_a_dump_file_is_made_last(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    assert complaint("+d", str(dump), "+sp", "0", *SIGN)
    assert not dump.exists()
    found = settled("+d", str(dump), *SIGN)
    assert found.dump is not None
    found.dump.close()
    assert dump.exists()
    with pytest.raises(Ended) as ended:
        settled("+d", str(tmp_path / "none" / "dump"), *SIGN)
    assert ended.value.code is Code.CANNOT_WRITE_SUPPORT_FILE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a b\tc\r\nd", ["a", "b", "c", "d"]),
        ("'a b' \"c 'd\"", ["a b", "c 'd"]),
        ('a"b c"d', ["ab c", "d"]),
        ('"" x', ["", "x"]),
        ('"open x', ["open x"]),
        ("# no comment", ["#", "no", "comment"]),
        ("@inner", ["@inner"]),
        ("", []),
    ],
)
def test_command_files_have_quotations_and_no_comments(content: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text(content)
    assert expanded(["x", f"@{tmp_path / 'file'}", "@"]) == ["x", *words, "@"]


def test_a_command_file_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a " * (1 << 20))
    with pytest.raises(UsageError, match="more than 1048576 bytes"):
        expanded([f"@{tmp_path / 'file'}"])


@given(st.lists(st.one_of(st.sampled_from([o.long for o in all_options()]), st.text(max_size=8)), max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_words_are_taken_apart_or_complained_about(words: list[str]) -> None:
    try:
        arguments = parse(words)
    except UsageError:
        return
    assert arguments.is_exclusive or 1 <= len(arguments.parameters) <= 2


def test_the_level_decides_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for level in (Level.WARN, Level.FATAL, Level.INFO, Level.OFF):
        messages = Messages(level)
        messages.fatal("f")
        messages.error("e")
        messages.warn("one\ntwo")
        messages.info("i")
        messages.debug("d")
    said = capsys.readouterr().err.split("\n")
    assert said == ["F: f", "E: e", "W: one", "W: two", "F: f", "F: f", "E: e", "W: one", "W: two", "I: i", ""]


def test_a_usage_error_is_silent_where_warnings_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-q", "+m2", "in.dcm"]) == 1
    assert main([*QUIET, "+m2", "in.dcm"]) == 1
    assert capsys.readouterr() == ("", "")
    assert main(["+m2", "in.dcm"]) == 1
    assert capsys.readouterr().err.endswith("error: --mac-sha256 only allowed with --sign or --sign-item\n")


# --- tags


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("0010,0010", 0x00100010),
        ("10,20", 0x00100020),
        (" 10, 20", 0x00100020),
        ("0x10,0X20junk", 0x00100020),
        ("100000010,20", 0x00100020),
        ("-1,20", 0xFFFF0020),
        ("PatientName", 0x00100010),
        ("patientname", None),
        ("(0010,0010)", None),
        ("10 ,20", None),
        ("", None),
        ("Foo", None),
    ],
)
def test_a_tag_of_the_command_line_is_read_like_a_number_of_c_or_a_keyword(text: str, tag: int | None) -> None:
    assert tag_of(text, STANDARD) == tag


@given(st.text(alphabet="(),.[]0123456789abcxPatientName \t\n", max_size=40))
@settings(max_examples=500, deadline=None)
def test_tokens_always_come_to_an_end(text: str) -> None:
    run = Run(messages=Messages(Level.OFF))
    position = 0
    for _ in range(len(text) + 1):
        token = next_token(text, position, run)
        if token.kind in (Kind.END, Kind.WRONG):
            return
        assert token.next > position
        position = token.next
    pytest.fail("no end")
