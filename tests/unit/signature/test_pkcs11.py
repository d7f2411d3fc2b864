"""Keys on a token: SoftHSM signs, dcmsign verifies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealgate.dicom import splice
from sealgate.errors import ConfigurationError, KeyUnusable
from sealgate.signature.algorithms import MAC_ALGORITHMS, KeyType
from sealgate.signature.create import SigningOptions, sign
from sealgate.signature.keys import is_signature_of
from sealgate.signature.pkcs11 import TokenKey, open_signer
from support import peers, samples, softhsm
from support.pki import Authority, Credential
from support.signing import opened
from support.softhsm import LABEL, PIN

KINDS = {
    "rsa2048": KeyType.RSA,
    "p256": KeyType.EC,
    "p384": KeyType.EC,
    "p521": KeyType.EC,
    "brainpoolp256": KeyType.EC,
    "dsa2048": KeyType.DSA,
}
SHA256 = MAC_ALGORITHMS["SHA256"]


@pytest.fixture(scope="module")
def credentials(pki: Authority) -> dict[str, Credential]:
    return {kind: pki.issue(f"token-{kind}", kind) for kind in KINDS}


@pytest.fixture(scope="module")
def token(credentials: dict[str, Credential], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The module that offers a token with a key and a certificate of each kind."""
    found = softhsm.require_module()
    folder = tmp_path_factory.mktemp("softhsm")
    with pytest.MonkeyPatch.context() as monkeypatch:
        softhsm.new_token(folder, monkeypatch)
        for number, (kind, credential) in enumerate(credentials.items(), start=1):
            softhsm.put_key(credential, kind, f"{number:02x}")
            softhsm.put_certificate(credential, kind, f"{number:02x}", folder)
        yield found


def uri(module: str, **attributes: str) -> str:
    path = ";".join(f"{name}={value}" for name, value in {"token": LABEL, **attributes}.items())
    return f"pkcs11:{path}?module-path={module}"


@pytest.mark.peer
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_on_a_token_signs_with_every_mac_algorithm_and_dcmsign_accepts_it(
    kind: str, token: str, credentials: dict[str, Credential], pki: Authority, tmp_path: Path
) -> None:
    file = samples.sample("CT_small.dcm").read_bytes()
    with open_signer(TokenKey.parse(uri(token, object=kind)), lambda: PIN) as signer:
        assert signer.key_type is KINDS[kind]
        assert signer.certificate == credentials[kind].der
        for name, mac_algorithm in MAC_ALGORITHMS.items():
            data_set, carrier = opened(file)
            created = sign(
                carrier,
                data_set.syntax,
                signer,
                SigningOptions(mac_algorithm=mac_algorithm),
                digital_signature_uid=f"1.2.{len(name)}.{ord(name[-1])}",
                at=datetime.now(UTC),
            )
            assert len(created.signature_value) % 2 == 0
            file = bytes(data_set.header) + b"".join(splice.pieces(data_set.source, created.edits))
    path = tmp_path / "signed.dcm"
    path.write_bytes(file)
    outcome = peers.dcmsign("--verify", "+rg", "+cf", pki.certificate_path, path)
    assert outcome.exit_code == 0, outcome.text
    assert outcome.text.count("Signature Verification : OK") == len(MAC_ALGORITHMS)


@pytest.mark.peer
def test_a_key_is_found_by_its_identifier_and_takes_another_certificate(
    token: str, credentials: dict[str, Credential]
) -> None:
    digest = SHA256.new().digest()
    with open_signer(TokenKey.parse(uri(token, id="%02")), lambda: PIN, credentials["p256"].pem) as signer:
        value = signer.sign(SHA256, digest)
    assert is_signature_of(credentials["p256"].key.public_key(), SHA256, digest, value)


@pytest.mark.peer
def test_a_certificate_of_another_key_is_noticed_when_signing(token: str, credentials: dict[str, Credential]) -> None:
    digest = SHA256.new().digest()
    with (
        open_signer(TokenKey.parse(uri(token, object="p256")), lambda: PIN, credentials["p384"].der) as signer,
        pytest.raises(KeyUnusable, match="belong together"),
    ):
        signer.sign(SHA256, digest)


@pytest.mark.peer
@pytest.mark.parametrize(
    ("attributes", "pin", "reason"),
    [
        (
            {"token": "Cardiology", "object": "p256"},
            PIN,
            "no token in a slot has the label or serial number Cardiology",
        ),
        ({"object": "nobody"}, PIN, "no private key"),
        ({"object": "p256"}, "1", "the PIN of the token Radiology is wrong"),
        ({"object": "p256"}, "9999", "the PIN of the token Radiology is wrong"),
        ({"object": "p256"}, None, "PIN"),
        ({}, PIN, "6 private keys fit"),
    ],
    ids=["token", "key", "short-pin", "pin", "no-pin", "many"],
)
def test_what_is_missing_on_the_token_is_said(
    attributes: dict[str, str], pin: str | None, reason: str, token: str
) -> None:
    with pytest.raises(KeyUnusable, match=reason) as caught:
        open_signer(TokenKey.parse(uri(token, **attributes)), None if pin is None else lambda: pin)
    assert pin is None or pin not in str(caught.value).split()


@pytest.mark.peer
def test_a_library_that_is_none_is_unusable(token: str, tmp_path: Path) -> None:
    path = tmp_path / "none.so"
    with pytest.raises(KeyUnusable, match=r"none\.so does not serve"):
        open_signer(TokenKey.parse(uri(str(path))), lambda: PIN)


def test_a_uri_is_read() -> None:
    key = TokenKey.parse("pkcs11:token=My%20Token;serial=42;object=a%3Bb;id=%01%ff;type=private?module-path=/lib/x.so")
    expected = TokenKey(module_path="/lib/x.so", token="My Token", serial="42", object="a;b", id=b"\x01\xff")
    assert key == expected
    assert TokenKey.parse("pkcs11:", "/lib/y.so") == TokenKey(module_path="/lib/y.so")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("file:/x", "begins with pkcs11:"),
        ("pkcs11:token=x", "no module-path"),
        ("pkcs11:token=x?module-path=/lib/x.so&pin-value=1234", "must not say the PIN"),
        ("pkcs11:token=x?module-path=/lib/x.so&pin-source=/etc/pin", "must not say the PIN"),
        ("pkcs11:type=cert?module-path=/lib/x.so", "private key"),
        ("pkcs11:" + "x" * 5000, "begins with pkcs11:"),
    ],
)
def test_a_uri_that_names_no_key_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        TokenKey.parse(text)
    assert "1234" not in str(caught.value)
