"""The configuration: defaults, paths, and errors that name the file, the key and what it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealgate.errors import ConfigurationError
from sealgate.node.config import MAX_CONFIGURATION_BYTES, Configuration, load
from sealgate.policy.rules import Action, Handling

LISTENER = "[[listener]]\nname = 'plain'\nport = 11112\n"
SOURCE = "[[source]]\nname = 'any'\naction = 'pass'\n"
DESTINATION = "[[destination]]\nname = 'folder'\ndirectory = 'received'\n"
SMALLEST = LISTENER + SOURCE + DESTINATION
IDENTITY = "[[identity]]\nname = 'hospital'\nkey = 'a.key'\ncertificate = 'a.pem'\n"


def loaded(folder: Path, text: str) -> Configuration:
    path = folder / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def complaint(folder: Path, text: str) -> str:
    """The error over a configuration, which must name the file and be one sentence on one line."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, text)
    sentence = str(caught.value)
    assert str(folder / "gateway.toml") in sentence
    assert "\n" not in sentence
    return sentence


# What is there


def test_the_smallest_configuration_has_careful_defaults(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, SMALLEST)
    assert configuration.node.ae_title == "SEALGATE"
    assert not configuration.node.any_called_ae_title
    assert not configuration.node.not_for_clinical_use
    assert configuration.node.min_free_mib == 512
    assert configuration.listener[0].address == "127.0.0.1"
    assert configuration.listener[0].tls is None
    assert not configuration.listener[0].unrestricted
    source = configuration.source[0]
    handlings = (
        source.on_unsigned,
        source.on_invalid,
        source.on_indeterminate,
        source.on_unsignable,
        source.on_unreadable,
    )
    assert set(handlings) == {Handling.HOLD}
    assert source.mac == "SHA256"
    assert configuration.destination[0].associations == 1
    assert configuration.trust.anchors == ()


def test_relative_paths_begin_at_the_folder_of_the_file(tmp_path: Path) -> None:
    text = "[node]\ndata_dir = 'data'\n" + SMALLEST + IDENTITY + "[trust]\nanchors = ['ca.pem', '/etc/ca.pem']\n"
    configuration = loaded(tmp_path, text)
    assert configuration.node.data_dir == tmp_path / "data"
    assert configuration.destination[0].directory == tmp_path / "received"
    assert configuration.identity[0].key == tmp_path / "a.key"
    assert configuration.trust.anchors == (tmp_path / "ca.pem", Path("/etc/ca.pem"))


def test_the_default_data_directory_lies_beside_the_file_too(tmp_path: Path) -> None:
    assert loaded(tmp_path, SMALLEST).node.data_dir == tmp_path / "var" / "data"


def test_a_tilde_is_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    configuration = loaded(tmp_path, "[node]\ndata_dir = '~/data'\n" + SMALLEST)
    assert configuration.node.data_dir == tmp_path / "home" / "data"


@pytest.mark.parametrize("action", Action)
def test_every_action_can_be_configured(tmp_path: Path, action: Action) -> None:
    source = f"[[source]]\nname = 'any'\naction = '{action.value}'\nidentity = 'hospital'\n"
    assert loaded(tmp_path, LISTENER + source + DESTINATION + IDENTITY).source[0].action is action


def test_a_source_goes_to_all_destinations_or_to_those_that_it_names(tmp_path: Path) -> None:
    other = "[[destination]]\nname = 'pacs'\nae_title = 'PACS'\nhost = 'pacs.example'\nport = 104\npriority = 5\n"
    chosen = "[[source]]\nname = 'ct'\naction = 'pass'\ndestinations = ['pacs']\n"
    configuration = loaded(tmp_path, SMALLEST + other + chosen)
    assert configuration.destinations_of(configuration.source[0]) == {"folder": 0, "pacs": 5}
    assert configuration.destinations_of(configuration.source[1]) == {"pacs": 5}


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[3].glob("config/*.toml")), ids=lambda path: path.name)
def test_the_examples_are_right(path: Path) -> None:
    assert load(path).listener


# What is wrong


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("[nodes]\n" + SMALLEST, "nodes", "there is no such key"),
        ("[node]\nae_titel = 'X'\n" + SMALLEST, "node.ae_titel", "there is no such key"),
        ("[node]\nae_title = 'SEVENTEEN LETTERS'\n" + SMALLEST, "node.ae_title", "1 to 16 printable ASCII"),
        ("[node]\nae_title = 'A\\B'\n" + SMALLEST, "node.ae_title", "no backslash"),
        ("[node]\nae_title = ''\n" + SMALLEST, "node.ae_title", "1 to 16 printable ASCII"),
        ("[node]\nae_title = ' X'\n" + SMALLEST, "node.ae_title", "no spaces around it"),
        ("[node]\nae_title = 7\n" + SMALLEST, "node.ae_title", "valid string"),
        ("[node]\nmin_free_mib = -1\n" + SMALLEST, "node.min_free_mib", "greater than or equal to 0"),
        ("[node]\ndrain_seconds = 'long'\n" + SMALLEST, "node.drain_seconds", "valid number"),
        ("[node]\ndata_dir = 5\n" + SMALLEST, "node.data_dir", "path"),
        ("[[listener]]\nname = 'a'\nport = 65536\n" + SOURCE + DESTINATION, "listener.1.port", "65535"),
        ("[[listener]]\nname = 'a'\n" + SOURCE + DESTINATION, "listener.1.port", "it is missing"),
        ("[[listener]]\nname = '/'\nport = 1\n" + SOURCE + DESTINATION, "listener.1.name", "letters, digits"),
        (SMALLEST + "[[listener]]\nname = 'b'\nport = 0\ntls = {}\n", "listener.2.tls.key", "it is missing"),
        (SOURCE + DESTINATION, "listener", "it is missing"),
        (LISTENER + DESTINATION, "source", "it is missing"),
        (LISTENER + SOURCE, "destination", "it is missing"),
        (SMALLEST + LISTENER, "the whole", "two listener tables have the same name"),
        (SMALLEST + "[[source]]\nname = 'b'\naction = 'shine'\n", "source.2.action", "'sign', 'verify'"),
        (SMALLEST + "[[source]]\nname = 'b'\naction = 'sign'\n", "source.2", "needs an identity"),
        (SMALLEST + "[[source]]\nname = 'b'\naction = 'pass'\nnetworks = '::/0'\n", "source.2.networks", "a list"),
        (SMALLEST + "[[source]]\nname = 'b'\naction = 'pass'\non_invalid = 'x'\n", "source.2.on_invalid", "'hold'"),
        (SMALLEST + "[[source]]\nname = 'b'\naction = 'pass'\nmac = 'CRC'\n", "source.2.mac", "SHA256"),
        (
            SMALLEST + "[[source]]\nname = 'b'\naction = 'pass'\nnetworks = ['1.2.3.4/8']\n",
            "source.2.networks.1",
            "host bits",
        ),
        (
            SMALLEST + "[[source]]\nname = 'b'\naction = 'pass'\ncalling_ae_titles = ['SEVENTEEN LETTERS']\n",
            "source.2.calling_ae_titles.1",
            "1 to 16 printable ASCII",
        ),
        (SMALLEST + "[[source]]\nname = 'b'\naction = 'sign'\nidentity = 'x'\n", "the whole", "identity 'x'"),
        (SMALLEST + "[[source]]\nname = 'b'\naction = 'pass'\nlisteners = ['x']\n", "the whole", "listener 'x'"),
        (SMALLEST + "[[source]]\nname = 'b'\naction = 'pass'\ndestinations = ['x']\n", "the whole", "destination 'x'"),
        (SMALLEST + "[[destination]]\nname = 'b'\n", "destination.2", "either directory, or all of"),
        (SMALLEST + "[[destination]]\nname = 'b'\nhost = 'x'\nport = 104\n", "destination.2", "ae_title"),
        (
            SMALLEST + "[[destination]]\nname = 'b'\ndirectory = 'x'\nae_title = 'A'\nhost = 'x'\nport = 104\n",
            "destination.2",
            "either directory",
        ),
        (
            SMALLEST + "[[destination]]\nname = 'b'\ndirectory = 'x'\nretry_first_seconds = 1000\n",
            "destination.2",
            "retry_first_seconds is more than retry_max_seconds",
        ),
        (SMALLEST + "[log]\nlevel = 'loud'\n", "log.level", "'debug'"),
    ],
)
def test_a_wrong_key_is_named_with_what_it_takes(tmp_path: Path, text: str, key: str, words: str) -> None:
    sentence = complaint(tmp_path, text)
    assert f"is wrong at {key}: " in sentence
    assert words in sentence
    assert "at least 1 item" not in sentence


def test_several_wrong_keys_are_named_at_once(tmp_path: Path) -> None:
    sentence = complaint(tmp_path, "[node]\nae_title = ''\nmin_free_mib = -1\n" + SMALLEST)
    assert "node.ae_title" in sentence
    assert "node.min_free_mib" in sentence


def test_of_many_wrong_keys_some_are_named_and_the_others_counted(tmp_path: Path) -> None:
    wrong = "".join(f"unknown_{number} = 1\n" for number in range(12))
    sentence = complaint(tmp_path, wrong + SMALLEST)
    assert len(re.findall(r"unknown_\d+", sentence)) == 5
    assert sentence.endswith("and 7 more")


def test_an_empty_list_of_tables_is_too_short(tmp_path: Path) -> None:
    assert "source: " in complaint(tmp_path, "source = []\n" + LISTENER + DESTINATION)


@pytest.mark.parametrize(
    "content", [b"[node\n", b"node = \n", b"[node]\nae_title = '\xff'\n", b"[node]\n[node]\n"], ids=repr
)
def test_what_is_no_toml_is_named_with_its_place(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is no valid TOML: ") as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigurationError, match=f"cannot read the configuration {re.escape(str(path))}: "):
            load(path)


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    with path.open("wb") as file:
        file.truncate(MAX_CONFIGURATION_BYTES + 1)
    with pytest.raises(ConfigurationError, match="is larger than 1 MiB"):
        load(path)
