"""`sealgate timestamp`: request, insert and fetch, with what each exit code stands for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.cli.app import run
from sealgate.cli.exit_codes import ExitCode
from sealgate.timestamp.insert import found_signatures, read_uid_file
from sealgate.timestamp.query import read_query
from sealgate.timestamp.token import read_token
from support import peers, samples, tokens
from support.pki import Authority, Credential
from support.ports import free_port
from support.signing import UID, opened, signed
from support.tsa import OTHER_POLICY, HttpTsa, OpensslTsa, http_tsa, openssl_tsa, tsa_credential

pytestmark = pytest.mark.peer

OTHER_UID = UID + ".7"


@pytest.fixture(scope="module")
def signer(pki: Authority) -> Credential:
    return pki.issue("cli-signer")


@pytest.fixture(scope="module")
def openssl(pki: Authority, tmp_path_factory: pytest.TempPathFactory) -> OpensslTsa:
    return openssl_tsa(tmp_path_factory.mktemp("tsa"), tsa_credential(pki, "cli-tsa", "p256"))


@pytest.fixture
def authority(openssl: OpensslTsa) -> Iterator[HttpTsa]:
    with http_tsa(openssl) as running:
        yield running


@pytest.fixture
def source(tmp_path: Path, signer: Credential, pki: Authority) -> Path:
    """A signed file."""
    path = tmp_path / "signed.dcm"
    path.write_bytes(signed(samples.sample("CT_small.dcm").read_bytes(), signer, at=pki.now).file)
    return path


@pytest.fixture
def twice(source: Path, signer: Credential, pki: Authority) -> Path:
    """A file with two signatures."""
    path = source.with_name("twice.dcm")
    path.write_bytes(signed(source.read_bytes(), signer, at=pki.now, uid=OTHER_UID).file)
    return path


def timestamps(path: Path) -> dict[str | None, bytes | None]:
    carrier = opened(path.read_bytes())[1]
    return {
        found.signature.digital_signature_uid: found.signature.certified_timestamp
        for found in found_signatures(carrier)
    }


def is_accepted_by_dcmsign(path: Path, pki: Authority) -> bool:
    outcome = peers.dcmsign("--verify", "+tr", "+cf", pki.certificate_path, path)
    return outcome.exit_code == 0


def nothing_left_over(folder: Path) -> bool:
    return not list(folder.rglob(".sealgate-*"))


def test_the_three_steps_by_files(source: Path, openssl: OpensslTsa, pki: Authority, tmp_path: Path) -> None:
    query, response, uid_file, out = (tmp_path / name for name in ("q.tsq", "q.tsr", "q.uid", "out.dcm"))
    assert run(["timestamp", "request", str(source), "--query", str(query), "--uid-file", str(uid_file)]) == 0
    assert read_uid_file(uid_file.read_bytes()) == UID
    response.write_bytes(openssl.reply(query.read_bytes()))
    options = ["--query", str(query), "--response", str(response), "--uid-file", str(uid_file)]
    original = source.read_bytes()
    assert run(["timestamp", "insert", str(source), str(out), *options]) == 0
    assert source.read_bytes() == original
    assert is_accepted_by_dcmsign(out, pki)
    assert run(["timestamp", "insert", str(out), "--in-place", *options]) == 0
    again = out.read_bytes()
    assert run(["timestamp", "insert", str(source), str(out), *options]) == 0
    assert out.read_bytes() == again


def test_a_query_has_what_was_asked_for(source: Path, tmp_path: Path) -> None:
    files = ["--query", str(tmp_path / "q"), "--uid-file", str(tmp_path / "u")]
    more = ["--mac", "sha512", "--policy", OTHER_POLICY, "--no-nonce", "--no-certificate"]
    assert run(["timestamp", "request", str(source), *files, *more]) == 0
    query = read_query((tmp_path / "q").read_bytes())
    assert (query.hash_algorithm, query.policy, query.nonce, query.certificate_required) == (
        "SHA512",
        OTHER_POLICY,
        None,
        False,
    )


def test_queries_for_several_files_and_signatures_are_numbered(
    source: Path, twice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study" / "deeper"
    folder.mkdir(parents=True)
    for path in (source, twice, samples.sample("CT_small.dcm")):
        shutil.copy(path, folder)
    (folder / "notes.txt").write_text("no DICOM", encoding="utf-8")
    out = tmp_path / "queries"
    assert run(["timestamp", "request", str(tmp_path / "study"), "--output-dir", str(out), "--json"]) == 0
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == [
        f"deeper/{name}.{end}" for name in ("signed.dcm.1", "twice.dcm.1", "twice.dcm.2") for end in ("tsq", "uid")
    ]
    described = json.loads(capsys.readouterr().out)
    assert [len(one["signatures"]) for one in described] == [1, 2]
    nonces = {read_query(path.read_bytes()).nonce for path in out.rglob("*.tsq")}
    assert len(nonces) == 3


def test_a_timestamp_is_fetched_and_inserted_in_one_step(
    twice: Path, authority: HttpTsa, pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.dcm"
    original = twice.read_bytes()
    assert run(["timestamp", "fetch", str(twice), "--output", str(out), "--url", authority.url, "--json"]) == 0
    assert twice.read_bytes() == original
    assert is_accepted_by_dcmsign(out, pki)
    (one,) = json.loads(capsys.readouterr().out)
    assert {signature["digital_signature_uid"] for signature in one["signatures"]} == {UID, OTHER_UID}
    assert one["output"] == str(out)
    for signature in one["signatures"]:
        token = timestamps(out)[signature["digital_signature_uid"]]
        assert token is not None
        assert signature["gen_time"] == read_token(token).gen_time.isoformat()
    assert nothing_left_over(tmp_path)


def test_signatures_that_have_a_timestamp_are_left_alone_unless_asked(
    twice: Path, authority: HttpTsa, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch = ["timestamp", "fetch", str(twice), "--in-place", "--url", authority.url]
    assert run([*fetch, "--signature", OTHER_UID]) == 0
    first = timestamps(twice)
    assert first[UID] is None
    assert first[OTHER_UID] is not None
    assert run(fetch) == 0
    second = timestamps(twice)
    assert second[OTHER_UID] == first[OTHER_UID]
    assert second[UID] is not None
    before, asked = twice.stat(), len(authority.requests)
    assert run(fetch) == 0
    assert (twice.stat().st_mtime_ns, twice.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert "has a timestamp already" in capsys.readouterr().out
    assert len(authority.requests) == asked
    assert run([*fetch, "--again"]) == 0
    assert timestamps(twice)[UID] != second[UID]


def test_a_folder_is_stamped_file_by_file(source: Path, authority: HttpTsa, pki: Authority, tmp_path: Path) -> None:
    folder, out = tmp_path / "study", tmp_path / "out"
    folder.mkdir()
    for name in ("a.dcm", "b.dcm"):
        shutil.copy(source, folder / name)
    assert run(["timestamp", "fetch", str(folder), "--output-dir", str(out), "--url", authority.url]) == 0
    assert all(is_accepted_by_dcmsign(out / name, pki) for name in ("a.dcm", "b.dcm"))


def test_one_bad_file_does_not_keep_from_the_others(
    source: Path, authority: HttpTsa, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    garbage, unsigned, out = tmp_path / "garbage", tmp_path / "unsigned.dcm", tmp_path / "out"
    garbage.write_bytes(b"no DICOM at all")
    shutil.copy(samples.sample("CT_small.dcm"), unsigned)
    files = [str(garbage), str(unsigned), str(source)]
    code = run(["timestamp", "fetch", *files, "--output-dir", str(out), "--url", authority.url])
    assert code == ExitCode.UNREADABLE  # the gravest of 0, 84 and 20
    complaints = capsys.readouterr().err.splitlines()
    assert f"cannot read {garbage}" in complaints[0]
    assert f"{unsigned} has no signature" in complaints[1]
    assert [path.name for path in out.iterdir()] == ["signed.dcm"]


def test_an_authority_that_is_not_there_ends_the_command_and_leaves_no_file(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    out = tmp_path / "out.dcm"
    assert run(["timestamp", "fetch", str(source), "--output", str(out), "--url", url, "--attempts", "1"]) == 50
    assert "check the URL" in capsys.readouterr().err
    assert not out.exists()
    assert nothing_left_over(tmp_path)


def test_a_token_that_is_no_good_is_not_written(
    source: Path, openssl: OpensslTsa, pki: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    no_authority = pki.issue("cli-no-tsa")

    def forged(handler: object, query: bytes) -> None:
        asked = read_query(query)
        (found,) = found_signatures(opened(source.read_bytes())[1])
        value = found.signature.signature_value
        assert value is not None
        value = value[: 2 + value[1]]
        handler.answer(200, tokens.response(tokens.token(no_authority, value, nonce=asked.nonce)))  # type: ignore[attr-defined]

    out = tmp_path / "out.dcm"
    with http_tsa(openssl) as authority:
        authority.plan.append(forged)
        assert run(["timestamp", "fetch", str(source), "--output", str(out), "--url", authority.url]) == 87
    assert "extended key usage" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("response", "exit_code", "said"),
    [
        (tokens.response(None, status=2, texts=["no way"], failures=[15]), 87, "policy is not supported"),
        (b"garbage", 32, "timestamp response cannot be read"),
        (tokens.response(None, status=0), 32, "has none"),
    ],
)
def test_what_the_authority_answers_is_said(
    response: bytes,
    exit_code: int,
    said: str,
    source: Path,
    authority: HttpTsa,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    authority.plan.append(lambda handler, query: handler.answer(200, response))
    out = tmp_path / "out.dcm"
    assert run(["timestamp", "fetch", str(source), "--output", str(out), "--url", authority.url]) == exit_code
    complaint = capsys.readouterr().err
    assert said in complaint
    assert str(source) in complaint
    assert not out.exists()


@pytest.mark.parametrize("way", ["file", "environment"])
def test_the_password_comes_from_a_file_or_the_environment(
    way: str, source: Path, openssl: OpensslTsa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("open sesame\n", encoding="utf-8")
    monkeypatch.setenv("TSA_PASSWORD", "open sesame")
    options = {
        "file": ["--password-file", str(tmp_path / "password")],
        "environment": ["--password-env", "TSA_PASSWORD"],
    }[way]
    with http_tsa(openssl, user=("me", "open sesame")) as authority:
        fetch = ["timestamp", "fetch", str(source), "--in-place", "--url", authority.url, "--user", "me"]
        assert run([*fetch, *options]) == 0
        assert timestamps(source)[UID] is not None


def test_without_a_password_the_user_is_told_how_to_give_it(
    source: Path, authority: HttpTsa, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch = ["timestamp", "fetch", str(source), "--in-place", "--url", authority.url, "--user", "me"]
    assert run(fetch) == ExitCode.KEY
    assert "--password-file" in capsys.readouterr().err
    assert run([*fetch, "--password-env", "NO_SUCH_VARIABLE_HERE"]) == ExitCode.KEY
    assert "NO_SUCH_VARIABLE_HERE" in capsys.readouterr().err


def test_tls_with_a_ca_of_one_s_own(source: Path, openssl: OpensslTsa, pki: Authority) -> None:
    server = pki.issue("cli-tsa-server", hosts=("localhost",), purposes=("server",))
    with http_tsa(openssl, tls=server) as authority:
        fetch = ["timestamp", "fetch", str(source), "--in-place", "--url", authority.url]
        assert run(fetch) == ExitCode.PEER
        assert run([*fetch, "--ca", str(pki.certificate_path)]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["request", "{source}", "--query", "q"], "belong together"),
        (["request", "{twice}", "--query", "q", "--uid-file", "u"], "choose it with --uid"),
        (["request", "{source}", "{twice}", "--query", "q", "--uid-file", "u"], "choose it with --uid"),
        (["request", "{source}", "--query", "q", "--uid-file", "u", "--output-dir", "d"], "not both"),
        (["request", "{source}", "--mac", "CRC32"], "'CRC32'"),
        (["request", "{source}", "--policy", "abc"], "'abc'"),
        (["fetch", "{source}", "--url", "http://127.0.0.1:1/"], "--output-dir"),
        (["fetch", "{source}", "--url", "http://127.0.0.1:1/", "--in-place", "--output", "x"], "--output-dir"),
        (["fetch", "{source}", "{twice}", "--url", "http://127.0.0.1:1/", "--output", "x"], "--output-dir"),
        (["fetch", "{source}", "--url", "ftp://127.0.0.1/", "--in-place"], "http://"),
        (["fetch", "{source}", "--url", "https://127.0.0.1/", "--in-place", "--ca", "no.pem"], "no.pem"),
    ],
)
def test_options_that_do_not_serve_are_named(
    arguments: list[str], said: str, source: Path, twice: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [argument.format(source=source, twice=twice) for argument in arguments]
    assert run(["timestamp", *filled]) == ExitCode.CONFIGURATION
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("wrong", "exit_code"),
    [
        ("query", 31),
        ("response", 32),
        ("uid_file", 33),
        ("no uid", 33),
        ("other uid", 84),
        ("source", 20),
        ("gone", 20),
    ],
)
def test_each_file_of_insert_that_does_not_serve_has_its_exit_code(
    wrong: str,
    exit_code: int,
    source: Path,
    openssl: OpensslTsa,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = {"query": tmp_path / "q.tsq", "response": tmp_path / "q.tsr", "uid_file": tmp_path / "q.uid"}
    request = ["timestamp", "request", str(source)]
    assert run([*request, "--query", str(paths["query"]), "--uid-file", str(paths["uid_file"])]) == 0
    paths["response"].write_bytes(openssl.reply(paths["query"].read_bytes()))
    if wrong in paths:
        paths[wrong].write_bytes(b"garbage")
    elif wrong == "no uid":
        shutil.copy(samples.sample("CT_small.dcm"), paths["uid_file"])
    elif wrong == "other uid":
        paths["uid_file"].write_bytes(paths["uid_file"].read_bytes().replace(UID.encode(), b"9" * len(UID)))
    elif wrong == "source":
        source.write_bytes(b"garbage")
    else:
        paths["response"].unlink()
    options = [part for name, path in paths.items() for part in (f"--{name.replace('_', '-')}", str(path))]
    out = tmp_path / "out.dcm"
    capsys.readouterr()
    assert run(["timestamp", "insert", str(source), str(out), *options]) == exit_code
    assert str(tmp_path) in capsys.readouterr().err
    assert not out.exists()


def test_the_input_is_not_written_over_unless_asked(source: Path, authority: HttpTsa) -> None:
    original = source.read_bytes()
    fetch = ["timestamp", "fetch", str(source), "--url", authority.url]
    assert run([*fetch, "--output", str(source)]) == ExitCode.OUTPUT
    assert run([*fetch, "--output-dir", str(source.parent)]) == ExitCode.OUTPUT
    assert source.read_bytes() == original


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("request", "insert", "fetch"):
        assert run(["timestamp", command, "--help"]) == 0
        text = capsys.readouterr().out
        assert "Exit codes: 0 done" in text
        assert f"sealgate timestamp {command} " in text


def test_a_deflated_file_is_stamped_and_stays_deflated(
    signer: Credential, authority: HttpTsa, pki: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "deflated.dcm"
    original = signed(samples.sample("image_dfl.dcm").read_bytes(), signer, at=pki.now).file
    path.write_bytes(original)
    assert run(["timestamp", "fetch", str(path), "--in-place", "--url", authority.url]) == 0
    assert is_accepted_by_dcmsign(path, pki)
    assert len(path.read_bytes()) < len(original) + 6000


def test_no_two_results_go_to_one_file(
    source: Path, authority: HttpTsa, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other" / source.name
    other.parent.mkdir()
    other.write_bytes(source.read_bytes())
    results = ["--output-dir", str(tmp_path / "out")]
    for command in (["fetch", "--url", authority.url], ["request"]):
        assert run(["timestamp", *command, str(source), str(other), *results]) == ExitCode.OUTPUT
        assert f"it would take the results of both {source} and {other}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
