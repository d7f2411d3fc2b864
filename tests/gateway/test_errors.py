"""What goes wrong at the start is one sentence that names the thing and what to do, with a documented exit code."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from sealgate.cli.exit_codes import ExitCode
from support import samples
from support.gateway import Completed, gateway, identity, sealgate, write_configuration
from support.pki import Authority


def complained(done: Completed, exit_code: ExitCode, *named: object) -> None:
    """One sentence on standard error that names all of `named`."""
    assert done.exit_code == exit_code, done.err
    assert "Traceback" not in done.err
    assert len(done.err.strip().splitlines()) == 1, done.err
    for thing in named:
        assert str(thing) in done.err


def serve(folder: Path, tables: dict[str, Any] | None = None) -> Completed:
    return sealgate("serve", "--config", write_configuration(folder, tables or {}))


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve(tmp_path, {"listener": [{"name": "plain", "port": port}]})
    complained(done, ExitCode.CONFIGURATION, port)


def test_a_second_gateway_on_the_same_data_directory_is_refused(tmp_path: Path) -> None:
    with gateway(tmp_path / "one") as running:
        done = serve(tmp_path / "two", {"node": {"data_dir": running.data_dir}})
        complained(done, ExitCode.STORAGE, running.data_dir, running.pid)


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[node\n", "gateway.toml"),
        ("[node]\nae_titel = 'X'\n", "node.ae_titel"),
        ("[node]\nae_title = 'SEVENTEEN LETTERS'\n", "node.ae_title"),
        ("[[listener]]\nname = 'a'\nport = 'x'\n", "listener.1.port"),
        ("[[listener]]\nname = 'a'\nport = 70000\n", "listener.1.port"),
        ("source = [{name = 'a', action = 'shine'}]\n", "source.1.action"),
        ("source = [{name = 'a', action = 'sign'}]\n", "identity"),
        ("source = [{name = 'a', action = 'pass', networks = ['10.0.0.0/99']}]\n", "source.1.networks"),
        ("destination = [{name = 'a'}]\n", "destination.1"),
        ("", "listener"),
    ],
)
def test_a_wrong_configuration_names_the_file_and_the_key(toml: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(toml, encoding="utf-8")
    complained(sealgate("serve", "--config", path), ExitCode.CONFIGURATION, path, named)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    complained(sealgate("serve", "--config", path), ExitCode.CONFIGURATION, path)


def test_a_source_that_names_a_missing_destination_is_named(tmp_path: Path) -> None:
    source = {"name": "ct", "action": "pass", "destinations": ["moon"]}
    complained(serve(tmp_path, {"source": [source]}), ExitCode.CONFIGURATION, "'ct'", "'moon'")


def signing(pki: Authority, **changes: object) -> dict[str, Any]:
    return {
        "identity": [identity(pki.issue("signer")) | changes],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
    }


def test_a_missing_key_is_named(pki: Authority, tmp_path: Path) -> None:
    missing = tmp_path / "none.key"
    complained(serve(tmp_path, signing(pki, key=missing)), ExitCode.UNREADABLE, missing)


def test_a_key_that_does_not_belong_to_the_certificate_is_named(pki: Authority, tmp_path: Path) -> None:
    other = pki.issue("other").key_path
    complained(serve(tmp_path, signing(pki, key=other)), ExitCode.KEY, other, "do not belong together")


def test_a_wrong_password_is_named_and_not_shown(pki: Authority, tmp_path: Path) -> None:
    encrypted = pki.issue("encrypted", password=b"right one")
    password = tmp_path / "password"
    password.write_text("wrong one\n", encoding="utf-8")
    tables = signing(pki, key=encrypted.key_path, certificate=encrypted.certificate_path, password_file=password)
    done = serve(tmp_path, tables)
    complained(done, ExitCode.KEY, encrypted.key_path, "password")
    assert "wrong one" not in done.err


def test_an_encrypted_key_without_a_password_says_what_to_set(pki: Authority, tmp_path: Path) -> None:
    encrypted = pki.issue("encrypted", password=b"right one")
    tables = signing(pki, key=encrypted.key_path, certificate=encrypted.certificate_path)
    complained(serve(tmp_path, tables), ExitCode.KEY, "password_file")


def test_an_example_key_is_refused_without_consent(tmp_path: Path) -> None:
    assert sealgate("ca", "new", tmp_path / "ca").exit_code == 0
    assert sealgate("ca", "issue", tmp_path / "ca", "signer").exit_code == 0
    tables = {
        "identity": [{"name": "signer", "key": tmp_path / "ca/signer.key", "certificate": tmp_path / "ca/signer.pem"}],
        "source": [{"name": "any", "action": "sign", "identity": "signer"}],
    }
    complained(serve(tmp_path, tables), ExitCode.KEY, "NOT FOR CLINICAL USE", "not_for_clinical_use")


def test_a_tls_key_that_is_missing_is_named(pki: Authority, tmp_path: Path) -> None:
    server = pki.issue("server")
    tls = {"key": tmp_path / "none.key", "certificate": server.certificate_path, "client_ca": pki.certificate_path}
    done = serve(tmp_path, {"listener": [{"name": "tls", "port": 0, "tls": tls}]})
    complained(done, ExitCode.CONFIGURATION, tmp_path / "none.key")


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    done = serve(tmp_path, {"node": {"data_dir": tmp_path / "file" / "data"}})
    complained(done, ExitCode.STORAGE, tmp_path / "file")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ((), "--config"),
        (("--port", 0), "--output-dir"),
        (("--port", 0, "--forward", "nonsense"), "AET@HOST:PORT"),
        (("--port", 0, "--output-dir", "x", "--client-ca", "y"), "--client-ca"),
        (("--config", "x", "--port", 1), "--config"),
    ],
)
def test_options_of_serve_that_do_not_fit_are_named(options: tuple[object, ...], named: str, tmp_path: Path) -> None:
    done = sealgate("serve", *options, cwd=tmp_path)
    complained(done, ExitCode.CONFIGURATION, named)


def test_queue_and_audit_say_which_data_directory_does_not_serve(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory", encoding="utf-8")
    for name in ("queue", "audit"):
        done = sealgate(name, "list", "--data-dir", tmp_path / "file")
        complained(done, ExitCode.STORAGE, tmp_path / "file")


def test_a_node_that_is_not_there_is_named(tmp_path: Path, free_port: int) -> None:
    for arguments in (
        ("echo", "127.0.0.1", free_port),
        ("send", "127.0.0.1", free_port, samples.sample("CT_small.dcm")),
    ):
        done = sealgate(*arguments)
        assert done.exit_code == ExitCode.PEER
        assert str(free_port) in done.err
        assert "Traceback" not in done.err


def test_verify_and_sign_name_what_is_no_dicom_file(pki: Authority, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.dcm"
    garbage.write_text("hello", encoding="utf-8")
    verified = sealgate("verify", garbage)
    assert (verified.exit_code, verified.err) == (ExitCode.UNREADABLE, "")
    assert verified.out.startswith(f"{garbage}: unreadable (this is no DICOM file")
    signer = pki.issue("signer")
    keys = ("--key", signer.key_path, "--cert", signer.certificate_path)
    complained(sealgate("sign", garbage, tmp_path / "out.dcm", *keys), ExitCode.UNREADABLE, garbage)


def test_sign_names_a_key_that_does_not_belong_to_the_certificate(pki: Authority, tmp_path: Path, sample: Path) -> None:
    key, certificate = pki.issue("one").key_path, pki.issue("other").certificate_path
    done = sealgate("sign", sample, tmp_path / "out.dcm", "--key", key, "--cert", certificate)
    complained(done, ExitCode.KEY, key, certificate, "do not belong together")
    assert not list(tmp_path.iterdir())


def test_the_port_of_a_running_gateway_is_in_use_and_stays_its(tmp_path: Path) -> None:
    with gateway(tmp_path / "one") as running:
        done = serve(tmp_path / "two", {"listener": [{"name": "plain", "port": running.port}]})
        complained(done, ExitCode.CONFIGURATION, running.port, "choose another port")
        assert sealgate("echo", "127.0.0.1", running.port).exit_code == ExitCode.OK
