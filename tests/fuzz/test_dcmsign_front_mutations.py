"""`sealgate dcmsign` with damaged files of every kind: it always ends with an exit code of its own, and soon."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from sealgate.cli.dcmsign import main
from sealgate.cli.dcmsign.codes import Code
from support import samples, tokens
from support.dcmsign_scene.objects import word
from support.elements import EXPLICIT, part10
from support.forging import body, even, forge, with_signatures
from support.pki import DAY, Authority

MUTATIONS = 400
MAX_SECONDS = 10.0
"""One run, far above what any takes: nothing hangs."""

OBJECTS = ("signed.dcm", "stamped.dcm", "nested.dcm", "rtplan.dcm")
COMMANDS = (
    "-v --verify +cf ca.pem +cr ca.crl +rc {}",
    "-d --verify +cf ca.pem +tr +uc {}",
    "-td {}",
    "+ra {} o.dcm",
    "+r 1.2.826.0.1.3680043.10.1.1 {} o.dcm",
    "+s s.key s.pem +m2 +pc {} o.dcm",
    "+s s.key s.pem +uc +ti -e {} o.dcm",
    "+si s.key s.pem BeamSequence[0] {} o.dcm",
    "+t q r u {} o.dcm",
)
FILES = {
    "r": ("+t q {} u stamped.dcm o.dcm",),
    "q": ("+t {} r u stamped.dcm o.dcm",),
    "u": ("+t q r {} stamped.dcm o.dcm",),
    "s.pem": ("+s s.key {} signed.dcm o.dcm", "+cf {} +uf {} signed.dcm"),
    "s.key": ("+s {} s.pem signed.dcm o.dcm -pw",),
    "s.der": ("-der +cf {} signed.dcm", "-der +s s.key {} signed.dcm o.dcm"),
    "ca.crl": ("+cf ca.pem +cr {} signed.dcm", "-der +cr {} signed.dcm"),
    "tags": ("-tf {} signed.dcm", "@{}", "-lc {} signed.dcm"),
}


@pytest.fixture(scope="module")
def folder(pki: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutations")
    signer = pki.issue("mutated", "rsa2048", hosts=())
    date = f"{pki.now:%Y%m%d%H%M%S.%f}+0000"
    pair = forge(signer, date=date)
    value = b"signature value"
    token = tokens.token(pki.issue("mutated-tsa", hosts=()), value)
    stamp = {
        0x04000305: word(0x04000305, "CS", b"CMS_TSP"),
        0x04000310: EXPLICIT.element(0x04000310, "OB", even(token)),
    }
    nested = EXPLICIT.sequence(0x00101002, EXPLICIT.item(with_signatures(body(), pair)))
    contents = {
        "signed.dcm": part10(with_signatures(body(), pair)),
        "stamped.dcm": part10(with_signatures(body(), forge(signer, date=date, item=stamp))),
        "nested.dcm": part10(body(EXPLICIT, nested)),
        "rtplan.dcm": samples.sample("rtplan.dcm").read_bytes(),
        "s.pem": signer.pem,
        "s.der": signer.der,
        "s.key": signer.key_path.read_bytes(),
        "ca.pem": pki.credential.pem,
        "ca.crl": pki.crl(at=pki.now - DAY),
        "q": tokens.query(value, nonce=5),
        "r": tokens.response(tokens.token(signer, value, nonce=5)),
        "u": part10(word(0x04000100, "UI", b"1.2.826.0.1.3680043.10.1.1")),
        "tags": b"PatientName (0010,0020)\n'quoted' x=1\nlog4cplus.rootLogger = WARN, c\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def mutated(content: bytes, chance: random.Random) -> bytes:
    octets = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at, how = chance.randrange(len(octets)), chance.random()
        if how < 0.5:
            octets[at] = chance.randrange(256)
        elif how < 0.7:
            del octets[at : at + chance.choice((1, 2, 4, 100))]
        elif how < 0.9:
            octets[at:at] = chance.randbytes(chance.choice((1, 2, 4, 8)))
        else:
            octets[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
        octets = octets or bytearray(b"x")
    return bytes(octets)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_end_with_an_exit_code_and_nothing_worse(
    seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    chance = random.Random(seed)
    for _ in range(MUTATIONS):
        if chance.random() < 0.6:
            name, command = chance.choice(OBJECTS), chance.choice(COMMANDS)
        else:
            name = chance.choice(sorted(FILES))
            command = chance.choice(FILES[name])
        (folder / "damaged").write_bytes(mutated((folder / name).read_bytes(), chance))
        started = time.monotonic()
        code = main([part.format("damaged") for part in command.split()])
        assert Code(code) in Code
        assert time.monotonic() - started < MAX_SECONDS
        assert "Traceback" not in capsys.readouterr().err
