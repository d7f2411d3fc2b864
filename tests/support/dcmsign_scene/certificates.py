"""Certification authorities, signers, keys in every form, revocation lists and hashed directories."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support import peers
from support.pki import DAY, YEAR, Authority, Credential, Revoked

NOW = datetime.now(UTC)


class Certificates:
    """A folder with certificates and keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pki = folder / "pki"
        folder.mkdir(parents=True, exist_ok=True)
        self._old: Credential | None = None
        self._authorities()
        self._signers()

    def put(self, name: str, content: bytes) -> Path:
        """Write a file of the scene."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def dcmsign(self, *arguments: str) -> None:
        """Have dcmsign make a file of the scene."""
        outcome = peers.run("dcmsign", *arguments, cwd=self.folder)
        assert outcome.exit_code == 0, (arguments, outcome.text)

    def _authorities(self) -> None:
        pki = self._pki
        old: dict[str, Any] = {"not_before": NOW - 2 * YEAR, "not_after": NOW - DAY}
        self.root = Authority(pki / "root", "Root", not_before=NOW - 3 * YEAR)
        self.root2 = Authority(pki / "root2", "Root 2")
        self.inter = self.root.subordinate(pki / "inter", "Intermediate")
        self.notca = self.root.subordinate(pki / "notca", "Not CA", is_ca=False)
        self.xroot = Authority(pki / "xroot", "Expired Root", **old)
        self.groot = Authority(pki / "groot", "G Root", not_before=NOW - 3 * YEAR)
        self.xinter = self.groot.subordinate(pki / "xinter", "Expired Intermediate", **old)
        self.finter = self.groot.subordinate(pki / "finter", "Future Intermediate", not_before=NOW + DAY)
        self.pinter = self.groot.subordinate(pki / "pinter", "Short Intermediate", path_length=0)
        self.pinter2 = self.pinter.subordinate(pki / "pinter2", "Too Deep Intermediate")
        for name in ("root", "root2", "inter", "notca", "xroot", "groot", "xinter", "finter", "pinter", "pinter2"):
            credential = getattr(self, name).credential
            self.put(f"{name}.pem", credential.pem)
            self.put(f"{name}.der", credential.der)

    def _signers(self) -> None:
        root = self.root
        self.signer = self._credential("signer", root.issue("Signer", "rsa2048", hosts=()))
        self.ec = self._credential("ecsigner", root.issue("EC Signer", "p256", hosts=()))
        self._credential("p384", root.issue("P-384 Signer", "p384", hosts=()))
        self._credential("dsa", root.issue("DSA Signer", "dsa2048", hosts=()))
        self.other = self._credential("other", root.issue("Other Signer", "rsa2048", hosts=()))
        self.sub = self._credential("sub", self.inter.issue("Sub Signer", hosts=()))
        expired: dict[str, Any] = {"not_before": NOW - YEAR, "not_after": NOW - 10 * DAY}
        self.expired = self._credential("expired", root.issue("Expired Signer", "rsa2048", hosts=(), **expired))
        self.future = self._credential("future", root.issue("Future Signer", not_before=NOW + 9 * DAY, hosts=()))
        self.revoked = self._credential("revoked", root.issue("Revoked Signer", hosts=()))
        self.small = self._credential("small", self.groot.issue("Small Key", "rsa1024", hosts=()))
        selfsigned = Authority(self._pki / "self", "Self Signed", key="rsa2048")
        self.selfsigned = self._credential("selfsigned", selfsigned.credential)
        self._key_files()
        self._crls()

    def _credential(self, name: str, credential: Credential) -> Credential:
        self.put(f"{name}.pem", credential.pem)
        self.put(f"{name}.der", credential.der)
        self.put(f"{name}.key", credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return credential

    def _key_files(self) -> None:
        key = self.signer.key
        secret = serialization.BestAvailableEncryption(b"secret")
        self.put("signer.key.der", key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        self.put("signer.pkcs1", key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        self.put("signer.pkcs1.der", key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        self.put("ec.sec1", self.ec.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        self.put("signer.enc.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
        self.put("both.pem", (self.folder / "signer.key").read_bytes() + self.signer.pem)
        self.put("secret.txt", b"secret\n")
        self.put("wrong.txt", b"wrong\n")
        self.put("nothing.txt", b"")

    def _crls(self) -> None:
        entry = Revoked(self.revoked.certificate.serial_number, NOW - DAY / 2)
        crls = {
            "crl": self.root.crl(entry, at=NOW - DAY / 4),
            "crl_old": self.root.crl(entry, at=NOW - 9 * DAY, until=NOW - 2 * DAY),
            "crl_empty": self.root.crl(),
            "crl_inter": self.inter.crl(),
        }
        pem = {name: x509.load_der_x509_crl(der).public_bytes(Encoding.PEM) for name, der in crls.items()}
        for name in crls:
            self.put(f"{name}.pem", pem[name])
            self.put(f"{name}.crl.der", crls[name])
        self.put("crls.pem", pem["crl_empty"] + pem["crl_inter"])
        self.put("bundle.pem", self.root2.credential.pem + self.root.credential.pem + pem["crl"])
        self.put("chain.pem", self.inter.credential.pem + self.root.credential.pem)
        for name, files in {"hd": ("root.pem",), "hdc": ("root.pem", "crl.pem"), "plain_dir": ()}.items():
            directory = self.folder / name
            directory.mkdir()
            for file in files:
                shutil.copy(self.folder / file, directory / file)
            if files:
                assert peers.openssl("rehash", directory).exit_code == 0
        shutil.copy(self.folder / "root.pem", self.folder / "plain_dir" / "root.pem")
