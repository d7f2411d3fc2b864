"""What `sealgate dcmsign` writes to standard output and files, what it reads besides its input, what it imports."""

from __future__ import annotations

import os
import pty
import re
import select
import stat
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sealgate.cli.dcmsign.options import all_options
from support import peers, samples, tsa
from support.elements import EXPLICIT, IMPLICIT, IMPLICIT_LE_UID, part10
from support.pki import Authority, Credential

pytestmark = pytest.mark.peer

RUN_SECONDS = 60.0
PROGRAM = (sys.executable, "-m", "sealgate", "dcmsign")


def ours(*arguments: object, cwd: Path, stdin: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **environ},
        timeout=RUN_SECONDS,
        start_new_session=True,
        check=False,
    )


def theirs(*arguments: object, cwd: Path, **environ: str) -> peers.Outcome:
    return peers.run("dcmsign", *arguments, cwd=cwd, environ=environ)


@pytest.fixture(scope="module")
def signer(pki: Authority) -> Credential:
    return pki.issue("front-signer", "rsa2048")


@pytest.fixture
def keys(signer: Credential) -> tuple[str, Path, Path]:
    return "+s", signer.key_path, signer.certificate_path


# --- standard output


def test_help_names_every_option_in_both_spellings_on_standard_output(tmp_path: Path) -> None:
    done = ours("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    for option in all_options():
        line = next(line for line in text.split("\n") if f" {option.long} " in f"{line} ")
        assert option.short in line


def test_our_options_are_those_of_dcmsign(tmp_path: Path) -> None:
    spelled = re.compile(r"^ +([+-]\S+)? +(--\S+)", re.MULTILINE)
    theirs_help = spelled.findall(theirs("--help", cwd=tmp_path).text)
    assert spelled.findall(ours("--help", cwd=tmp_path).stdout.decode()) == theirs_help
    assert len(theirs_help) == len(list(all_options()))


@pytest.mark.parametrize("arguments", [(), ("--version", "--help"), ("+lp", "--help", "a", "b", "c")])
def test_usage_comes_for_help_before_all_else_and_for_no_arguments(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = ours(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == ours("-h", cwd=tmp_path).stdout


def test_the_list_of_purposes_is_that_of_dcmsign(tmp_path: Path) -> None:
    code = re.compile(r"^ +\d+: .*$", re.MULTILINE)
    done = ours("+lp", cwd=tmp_path)
    assert done.returncode == 0
    assert code.findall(done.stdout.decode()) == code.findall(theirs("+lp", cwd=tmp_path).text)


def test_the_version_says_which_dcmsign_is_stood_in_for(tmp_path: Path) -> None:
    done = ours("--version", "one", "two", "three", cwd=tmp_path)
    assert done.returncode == 0
    assert b"DCMTK 3.6.7" in done.stdout
    assert b"OpenSSL" in done.stdout


# --- bytes of the output


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "rtplan.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm", "test-SR.dcm"]
)
def test_the_output_is_the_input_with_insertions_and_removal_gives_the_input_back(
    name: str, keys: tuple[object, ...], tmp_path: Path
) -> None:
    original = samples.sample(name).read_bytes()
    assert ours(*keys, "+m2", samples.sample(name), "s.dcm", cwd=tmp_path).returncode == 0
    assert ours("+ra", "s.dcm", "back.dcm", cwd=tmp_path).returncode == 0
    assert (tmp_path / "back.dcm").read_bytes() == original
    assert len((tmp_path / "s.dcm").read_bytes()) > len(original)


def test_a_dash_is_standard_input_and_standard_output(
    keys: tuple[object, ...], pki: Authority, sample: Path, tmp_path: Path
) -> None:
    done = ours(*keys, "+m2", "-", "-", cwd=tmp_path, stdin=sample.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    (tmp_path / "s.dcm").write_bytes(done.stdout)
    assert theirs("--verify", "+cf", pki.certificate_path, "s.dcm", cwd=tmp_path).exit_code == 0


def test_a_failure_leaves_what_was_there_and_no_other_file(
    keys: tuple[object, ...], sample: Path, tmp_path: Path
) -> None:
    (tmp_path / "o.dcm").write_bytes(b"mine")
    assert ours(*keys, "-t", "0010,2000", sample, "o.dcm", cwd=tmp_path).returncode == 85
    assert ours(*keys, "+te", samples.sample("JPEG2000.dcm"), "o.dcm", cwd=tmp_path).returncode == 40
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("o.dcm", b"mine")]


def test_a_device_stays_a_device_and_a_link_stays_a_link(
    keys: tuple[object, ...], sample: Path, tmp_path: Path
) -> None:
    assert ours(*keys, sample, "/dev/null", cwd=tmp_path).returncode == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    (tmp_path / "real.dcm").write_bytes(b"")
    (tmp_path / "link.dcm").symlink_to("real.dcm")
    assert ours(*keys, sample, "link.dcm", cwd=tmp_path).returncode == 0
    assert (tmp_path / "link.dcm").is_symlink()
    assert (tmp_path / "real.dcm").stat().st_size > 0


def test_the_dump_is_what_the_signature_is_over(keys: tuple[object, ...], signer: Credential, tmp_path: Path) -> None:
    rtplan = samples.sample("rtplan.dcm")
    location = "BeamSequence[0].ControlPointSequence[1]"
    commands = (
        (*keys, "+m2", "+d", "stream", rtplan, "s.dcm"),
        ("+si", *keys[1:], location, "+m2", "+d", "stream", rtplan, "s.dcm"),
    )
    for command in commands:
        assert ours(*command, cwd=tmp_path).returncode == 0
        signed = pydicom.dcmread(tmp_path / "s.dcm")
        carrier = signed if command[0] == "+s" else signed.BeamSequence[0].ControlPointSequence[1]
        public_key = signer.certificate.public_key()
        assert isinstance(public_key, rsa.RSAPublicKey)
        value = bytes(carrier.DigitalSignaturesSequence[0].Signature)
        public_key.verify(value, (tmp_path / "stream").read_bytes(), padding.PKCS1v15(), hashes.SHA256())


def test_a_conversion_that_breaks_a_signature_is_said_to_do_so(
    keys: tuple[object, ...], pki: Authority, tmp_path: Path
) -> None:
    pixels = EXPLICIT.element(0x7FE00010, "OB", bytes(16))
    name = EXPLICIT.element(0x00100010, "PN", b"A^B ")
    (tmp_path / "ob.dcm").write_bytes(part10(name + pixels))
    done = ours(*keys, "+m2", "+ti", "ob.dcm", "s.dcm", cwd=tmp_path)
    assert done.returncode == 0
    assert re.search(rb"W: in this transfer syntax the signature [\d.]+ will not verify", done.stderr)
    assert theirs("--verify", "+cf", pki.certificate_path, "s.dcm", cwd=tmp_path).exit_code == 101
    done = ours(*keys, "+m2", "+tb", "ob.dcm", "s.dcm", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_signature_that_only_some_readers_can_verify_is_told_to_whoever_wants_to_know(
    keys: tuple[object, ...], pki: Authority, tmp_path: Path
) -> None:
    private = EXPLICIT.element(0x00090010, "LO", b"GEMS_IDEN_01") + EXPLICIT.element(0x00091001, "LO", b"GE")
    (tmp_path / "private.dcm").write_bytes(part10(private + EXPLICIT.element(0x00100010, "PN", b"A^B ")))
    done = ours("-v", *keys, "+m2", "+ti", "private.dcm", "s.dcm", cwd=tmp_path)
    assert done.returncode == 0
    assert re.search(rb"I: .* the signature [\d.]+ holds only where its private elements are known\n", done.stderr)
    assert ours(*keys, "+m2", "+ti", "private.dcm", "s.dcm", cwd=tmp_path).stderr == b""
    assert theirs("--verify", "+cf", pki.certificate_path, "s.dcm", cwd=tmp_path).exit_code == 0


def test_signatures_that_cannot_be_told_are_not_removed(pki: Authority, tmp_path: Path) -> None:
    """Nothing to compare with: dcmsign does not come to an end here."""
    content = EXPLICIT.element(0x00100010, "PN", b"A^B ") + EXPLICIT.element(0xFFFAFFFA, "UN", bytes(8))
    (tmp_path / "hidden.dcm").write_bytes(part10(content))
    done = ours("+ra", "hidden.dcm", "o.dcm", cwd=tmp_path)
    assert done.returncode == 83
    assert b"W:   Sealgate : (fffa,fffa) is there, but is no sequence: it was passed over\n" in done.stderr
    assert b"E: Tag not found: while removing signature\n" in done.stderr
    assert not (tmp_path / "o.dcm").exists()


# --- timestamps with OpenSSL as authority


def test_a_query_of_ours_is_answered_by_openssl_and_inserted_by_both(
    keys: tuple[object, ...], pki: Authority, sample: Path, tmp_path: Path
) -> None:
    authority = tsa.openssl_tsa(tmp_path / "tsa", tsa.tsa_credential(pki, "front-tsa"))
    trusted = ("--verify", "+cf", pki.certificate_path, "+tr")
    for options in ((), ("+tm5", "-tn"), ("+tp", tsa.POLICY)):
        assert ours(*keys, "+m2", "+ts", "q", "u", *options, sample, "s.dcm", cwd=tmp_path).returncode == 0
        (tmp_path / "r").write_bytes(authority.reply((tmp_path / "q").read_bytes()))
        assert theirs("+t", "q", "r", "u", "s.dcm", "by_dcmsign.dcm", cwd=tmp_path).exit_code == 0
        assert ours("+t", "q", "r", "u", "s.dcm", "by_us.dcm", cwd=tmp_path).returncode == 0
        for name in ("by_dcmsign.dcm", "by_us.dcm"):
            assert theirs(*trusted, name, cwd=tmp_path) == (0, _text(ours(*trusted, name, cwd=tmp_path)))


def _text(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0
    return done.stderr.decode()


def test_inserting_the_same_timestamp_again_changes_nothing(
    keys: tuple[object, ...], pki: Authority, sample: Path, tmp_path: Path
) -> None:
    authority = tsa.openssl_tsa(tmp_path / "tsa", tsa.tsa_credential(pki, "front-tsa-2"))
    assert ours(*keys, "+ts", "q", "u", sample, "s.dcm", cwd=tmp_path).returncode == 0
    (tmp_path / "r").write_bytes(authority.reply((tmp_path / "q").read_bytes()))
    assert ours("+t", "q", "r", "u", "s.dcm", "once.dcm", cwd=tmp_path).returncode == 0
    assert ours("+t", "q", "r", "u", "once.dcm", "twice.dcm", cwd=tmp_path).returncode == 0
    assert (tmp_path / "once.dcm").read_bytes() == (tmp_path / "twice.dcm").read_bytes()


# --- data dictionary

_DICTIONARY = """\
(0008,0018)\tUI\tSOPInstanceUID\t1\tDICOM
(0010,0010)\tPN\tPatientName\t1\tDICOM
(0010,0020)\tLO\tMyPatientID\t1\tDICOM
(0009,"ACME 1",01)\tDS\tMyPrivate\t1\tACME
(0009-o-ffff,0010-u-00ff)\tLO\tPrivateCreator\t1\tPRIVATE
(0400,0005)\tUS\tMACIDNumber\t1\tDICOM
(0400,0010)\tUI\tMACCalculationTransferSyntaxUID\t1\tDICOM
(0400,0015)\tCS\tMACAlgorithm\t1\tDICOM
(0400,0020)\tAT\tDataElementsSigned\t1-n\tDICOM
(0400,0100)\tUI\tDigitalSignatureUID\t1\tDICOM
(0400,0105)\tDT\tDigitalSignatureDateTime\t1\tDICOM
(0400,0110)\tCS\tCertificateType\t1\tDICOM
(0400,0115)\tOB\tCertificateOfSigner\t1\tDICOM
(0400,0120)\tOB\tSignature\t1\tDICOM
(4ffe,0001)\tSQ\tMACParametersSequence\t1\tDICOM
(fffa,fffa)\tSQ\tDigitalSignaturesSequence\t1\tDICOM
"""
"""The few elements that the test needs; what is not here is unknown."""


def _private_object(folder: Path) -> None:
    elements = (
        (0x00080018, "UI", b"1.2.34"),
        (0x00090010, "LO", b"ACME 1"),
        (0x00091001, "DS", b"1.5 "),
        (0x00100010, "PN", b"A^B "),
        (0x00100020, "LO", b"ID"),
        (0x00180050, "DS", b"5 "),
    )
    content = b"".join(IMPLICIT.element(tag, vr, value) for tag, vr, value in elements)
    (folder / "implicit.dcm").write_bytes(part10(content, IMPLICIT_LE_UID))
    (folder / "my.dic").write_text(_DICTIONARY, encoding="ascii")


def test_the_dictionary_of_dcmdictpath_gives_names_and_vrs(
    keys: tuple[object, ...], pki: Authority, tmp_path: Path
) -> None:
    _private_object(tmp_path)
    named = {"DCMDICTPATH": str(tmp_path / "my.dic")}
    command = (*keys, "+m2", "-t", "MyPatientID", "-t", "0009,1001", "implicit.dcm", "s.dcm")
    assert ours(*command, cwd=tmp_path, **named).returncode == 0
    check = ("-v", "--verify", "+cf", pki.certificate_path, "s.dcm")
    by_us, by_them = ours(*check, cwd=tmp_path, **named), theirs(*check, cwd=tmp_path, **named)
    lines = [line for line in by_us.stderr.decode().splitlines() if not line.startswith("W:   Sealgate ")]
    assert (by_us.returncode, lines) == (by_them.exit_code, by_them.text.splitlines())
    assert by_them.exit_code == 0
    assert "(0010,0020) MyPatientID" in by_them.text
    assert ours("-t", "PatientID", "implicit.dcm", cwd=tmp_path, **named).returncode == 1


def test_what_the_named_dictionary_does_not_know_cannot_be_signed(keys: tuple[object, ...], tmp_path: Path) -> None:
    _private_object(tmp_path)
    named = {"DCMDICTPATH": str(tmp_path / "my.dic")}
    command = (*keys, "+m2", "-t", "0018,0050", "implicit.dcm", "s.dcm")
    assert ours(*command, cwd=tmp_path, **named).returncode == 85
    assert theirs(*command, cwd=tmp_path, **named).exit_code == 85
    assert ours(*command, cwd=tmp_path).returncode == 0


def test_a_dictionary_that_cannot_be_read_is_complained_about(sample: Path, tmp_path: Path) -> None:
    done = ours(sample, cwd=tmp_path, DCMDICTPATH=str(tmp_path / "none.dic"))
    assert done.returncode == 0
    assert b"none.dic" in done.stderr
    assert b"W: no data dictionary loaded, check environment variable: DCMDICTPATH\n" in done.stderr


# --- passwords


def test_the_password_is_asked_for_on_the_terminal_and_not_shown(pki: Authority, sample: Path, tmp_path: Path) -> None:
    credential = pki.issue("front-encrypted", "p256", password=b"open sesame")
    arguments = ["+s", credential.key_path, credential.certificate_path, sample, tmp_path / "s.dcm"]
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        os.execv(PROGRAM[0], [*PROGRAM, *map(str, arguments)])
    shown = _talk(terminal, b"Enter PEM pass phrase:", b"open sesame\n")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"sesame" not in shown
    assert (tmp_path / "s.dcm").exists()


def _talk(terminal: int, prompt: bytes, answer: bytes) -> bytes:
    """Give `answer` when `prompt` has come; everything that was shown."""
    shown, answered = b"", False
    while True:
        ready, _, _ = select.select([terminal], [], [], RUN_SECONDS)
        assert ready, f"nothing came after {shown!r}"
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            return shown
        if not chunk:
            return shown
        shown += chunk
        if prompt in shown and not answered:
            os.write(terminal, answer)
            answered = True


# --- start-up


def test_it_starts_without_what_it_does_not_need(
    keys: tuple[object, ...], pki: Authority, sample: Path, tmp_path: Path
) -> None:
    heavy = "typer rich pydantic pydicom pynetdicom pyhanko_certvalidator asn1crypto cryptography.x509 httpx".split()
    commands = (
        (*keys, "+m2", sample, "s.dcm"),
        ("--verify", "+cf", pki.certificate_path, "s.dcm"),
        ("+ra", "s.dcm", "o.dcm"),
    )
    script = (
        "import sys\nfrom sealgate.cli.dcmsign import main\ncode = main(sys.argv[1:])\n"
        f"print([name for name in {heavy!r} if name in sys.modules])\nsys.exit(code)\n"
    )
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, command)],
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            timeout=RUN_SECONDS,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, b"[]\n"), done.stderr
