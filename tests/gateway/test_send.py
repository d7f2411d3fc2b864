"""`sealgate send` and `sealgate echo`: bytes, exit codes and sentences."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

import pytest

from sealgate.cli import app
from sealgate.cli.exit_codes import ExitCode
from sealgate.dicom.part10 import file_header, read_file_meta
from sealgate.errors import StoreRefused
from sealgate.node.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from sealgate.node.storage_service import CALLED_AE_TITLE_NOT_RECOGNIZED
from sealgate.node.tls import server_context
from support import peers, samples
from support.pki import Authority
from support.ports import LOOPBACK, free_port
from support.raw_peer import CT, EXPLICIT_LE
from support.storage import Service, listening


def part10(uid: str, data_set: bytes, sop_class_uid: str = CT, transfer_syntax_uid: str = EXPLICIT_LE) -> bytes:
    header = file_header(
        sop_class_uid=sop_class_uid,
        sop_instance_uid=uid,
        transfer_syntax_uid=transfer_syntax_uid,
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
    )
    return header + data_set


def send(port: int, *arguments: object) -> int:
    return app.run(["send", LOOPBACK, str(port), *map(str, arguments)])


def test_a_folder_is_sent_byte_for_byte_to_storescp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "study"
    (folder / "series").mkdir(parents=True)
    names = ("CT_small.dcm", "SC_rgb_rle.dcm", "JPEG2000.dcm", "MR_small_bigendian.dcm", "rtplan.dcm")
    for name in names:
        shutil.copy(samples.sample(name), folder / "series")
    with peers.storescp(tmp_path / "in", "+B", "+xa", "--promiscuous") as scp:
        assert send(scp.port, folder, "--called-ae-title", "STORESCP") == ExitCode.OK
        received = {path.read_bytes()[read_file_meta(path.read_bytes()).data_set_start :] for path in scp.received()}
    sent = {path.read_bytes()[read_file_meta(path.read_bytes()).data_set_start :] for path in folder.rglob("*.dcm")}
    assert len(sent) == len(names)
    assert received == sent
    assert capsys.readouterr().out.startswith(f"{len(names)} stored (")


def test_tls_options_are_those_of_the_contexts(pki: Authority, sample: Path) -> None:
    server, client = pki.issue("listener"), pki.issue("client", password=b"secret")
    tls = server_context(key=server.key_path, certificate=server.certificate_path, client_ca=pki.certificate_path)
    password = client.key_path.with_suffix(".password")
    password.write_text("secret\n")
    service = Service()
    with listening(service, tls=tls) as port:
        options = (
            *("--tls", client.key_path, client.certificate_path, "--server-ca", pki.certificate_path),
            *("--password-file", password),
        )
        assert send(port, sample, *options) == ExitCode.OK
        assert app.run(["echo", LOOPBACK, str(port), *map(str, options)]) == ExitCode.OK
    assert service.requests[0].peer.certificate == client.der
    assert len(service.stored) == 1


def test_tls_without_a_ca_is_a_wrong_command(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(104, sample, "--tls", "key.pem", "cert.pem") == ExitCode.CONFIGURATION
    assert "--server-ca" in capsys.readouterr().err


def test_more_than_128_contexts_take_more_than_one_association(tmp_path: Path) -> None:
    for number in range(130):
        content = part10(f"1.2.{number}", b"\x08\0\x16\0UI\0\0", f"{CT}.{number}")
        (tmp_path / f"{number:03}.dcm").write_bytes(content)
    service = Service()
    with listening(service, unrestricted=True) as port:
        assert send(port, tmp_path) == ExitCode.OK
    assert len(service.peers) == 2
    assert len(service.stored) == 130


def test_files_that_cannot_be_sent_are_named_and_the_rest_goes(
    tmp_path: Path, sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "1 text.dcm").write_text("no DICOM")
    (tmp_path / "2 empty.dcm").touch()
    (tmp_path / "3 no data set.dcm").write_bytes(part10("1.2.3", b""))
    (tmp_path / "4 no uid.dcm").write_bytes(part10("", b"\x08\0\x16\0UI\0\0"))
    shutil.copy(sample, tmp_path / "5 good.dcm")
    service = Service()
    with listening(service) as port:
        assert send(port, tmp_path, tmp_path / "gone.dcm") == ExitCode.UNREADABLE
    output = capsys.readouterr()
    assert len(service.stored) == 1
    assert "1 stored" in output.out
    assert "5 unreadable" in output.out
    for line in ("1 text.dcm: it has no File Meta Information", "2 empty.dcm: it has no File", "3 no data set.dcm: it"):
        assert line in output.err
    for line in ("4 no uid.dcm: its File Meta Information lacks", "gone.dcm: No such file or directory"):
        assert line in output.err


def test_file_meta_information_that_is_long_or_ends_the_file_is_read_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_set = b"\x08\0\x16\0UI\0\0"
    private = {"1.2.1": 3000, "1.2.2": 4000, "1.2.3": 100_000, "1.2.4": 1 << 20}
    for uid, length in private.items():
        header = part10(uid, b"")
        # Private Information is the last element of the group.
        private_information = b"\2\0\2\1OB\0\0" + struct.pack("<L", length) + bytes(length)
        (tmp_path / uid).write_bytes(without_group_length(header) + private_information + data_set)
    service = Service()
    with listening(service) as port:
        assert send(port, tmp_path) == ExitCode.UNREADABLE
    assert service.stored == dict.fromkeys(("1.2.1", "1.2.2", "1.2.3"), data_set)
    assert "1.2.4: " in capsys.readouterr().err


def without_group_length(header: bytes) -> bytes:
    """`header` without File Meta Information Group Length, its first element of twelve bytes."""
    return header[:132] + header[144:]


def test_a_file_that_shrinks_while_it_is_sent_is_not_stored_and_the_rest_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shrinking = tmp_path / "1.dcm"
    shrinking.write_bytes(part10("1.2.1", b""))
    os.truncate(shrinking, 64 << 20)  # more than sockets hold while the service has not begun to read
    (tmp_path / "2.dcm").write_bytes(part10("1.2.2", b"\x08\0\x16\0UI\0\0"))

    def shrink(_: object) -> None:
        os.truncate(shrinking, 1 << 20)

    service = Service(on_begin=shrink)
    with listening(service) as port:
        assert send(port, tmp_path) == ExitCode.UNREADABLE
    assert set(service.stored) == {"1.2.2"}
    assert "it became shorter while it was sent" in capsys.readouterr().err


def test_refused_instances_are_named_with_their_status(
    tmp_path: Path, sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> None:
        raise StoreRefused(0xA700, "disk is full")

    private = tmp_path / "private.dcm"
    private.write_bytes(part10("1.2.3", b"\x08\0\x16\0UI\0\0", "1.2.840.113619.4.30"))
    with listening(Service(on_begin=refuse)) as port:
        assert send(port, sample, private) == ExitCode.REFUSED
        assert send(port, private) == ExitCode.REFUSED
    output = capsys.readouterr()
    assert "CT_small.dcm: refused: A700 (out of resources), disk is full" in output.err
    assert output.err.count("private.dcm: refused: ") == 2
    assert output.err.count("SOP class not supported") == 2
    assert "0 stored" in output.out
    assert "2 refused" in output.out


def test_a_node_that_rejects_or_is_not_there_has_its_own_exit_code(
    sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(Service(rejection=CALLED_AE_TITLE_NOT_RECOGNIZED)) as port:
        assert send(port, sample) == ExitCode.REFUSED
        assert app.run(["echo", LOOPBACK, str(port)]) == ExitCode.REFUSED
    port = free_port()
    assert send(port, sample) == ExitCode.PEER
    assert app.run(["echo", LOOPBACK, str(port)]) == ExitCode.PEER
    output = capsys.readouterr()
    assert output.err.count("called AE title not recognized") == 2
    assert output.err.count("nobody listens there") == 2
    assert output.out.count("1 not sent") == 2


def test_an_echo_says_who_answered(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(Service()) as port:
        assert app.run(["echo", LOOPBACK, str(port), "--called-ae-title", "GATEWAY"]) == ExitCode.OK
    assert f"GATEWAY@127.0.0.1:{port} answered after " in capsys.readouterr().out
