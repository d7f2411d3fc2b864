"""The payload store keeps what it says it keeps, and nothing that it did not say."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealgate.errors import PayloadDamaged, StorageError, StorageFull
from sealgate.spool.payload import PayloadStore


def kept(payloads: PayloadStore, content: bytes) -> str:
    with payloads.new_intake() as intake:
        intake.write(content)
        return intake.keep()


def failing(number: int) -> Callable[..., int]:
    def fail(*_arguments: object, **_options: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_kept_payload_has_the_bytes_that_were_written_in_order(payloads: PayloadStore) -> None:
    with payloads.new_intake() as intake:
        intake.write(memoryview(b"received, "))
        intake.write(b"in fragments")
        assert intake.append(b" and signed") == (22, 33)
        assert intake.size == 33
        name = intake.keep()
    with payloads.open(name) as file:
        assert file.read() == b"received, in fragments and signed"


def test_a_map_shows_what_was_written_and_stays_while_more_is_appended(payloads: PayloadStore) -> None:
    with payloads.new_intake() as intake:
        intake.write(b"data set")
        with intake.map() as view:
            intake.append(b"signature")
            assert bytes(view) == b"data set"


def test_a_map_of_nothing_is_a_mistake_of_ours(payloads: PayloadStore) -> None:
    with payloads.new_intake() as intake, pytest.raises(RuntimeError, match="without a byte"):
        intake.map()


def test_directories_and_files_are_for_the_owner_alone(payloads: PayloadStore) -> None:
    name = kept(payloads, b"x")
    assert stat.S_IMODE(payloads.path(name).stat().st_mode) == 0o600
    for directory in (payloads.root / "intake", payloads.root / "payload", payloads.path(name).parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_names_are_random_and_sharded_by_their_first_two_digits(payloads: PayloadStore) -> None:
    names = {kept(payloads, b"the same") for _ in range(5)}
    assert len(names) == 5
    for name in names:
        assert payloads.path(name) == payloads.root / "payload" / name[:2] / name


def test_a_name_that_is_taken_is_refused_and_not_overwritten(tmp_path: Path) -> None:
    with PayloadStore(tmp_path, new_name=lambda: "0" * 32) as payloads, payloads.new_intake() as first:
        first.write(b"first")
        with pytest.raises(StorageError, match="File exists"):
            payloads.new_intake()
        assert first.path.read_bytes() == b"first"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "ab/" + "0" * 32, "0" * 31, "0" * 32 + "\n", "G" * 32])
def test_only_names_that_the_store_gave_are_let_near_a_path(payloads: PayloadStore, name: str) -> None:
    for use in (payloads.path, payloads.open, payloads.delete):
        with pytest.raises(RuntimeError, match="is not a name"):
            use(name)


def test_a_discarded_intake_leaves_nothing_and_may_be_discarded_again(payloads: PayloadStore) -> None:
    intake = payloads.new_intake()
    intake.write(b"half of an instance")
    intake.discard()
    intake.discard()
    assert list((payloads.root / "intake").iterdir()) == []
    with pytest.raises(RuntimeError, match="kept or discarded"):
        intake.write(b"more")


def test_leaving_the_block_after_keep_does_not_remove_the_payload(payloads: PayloadStore) -> None:
    assert payloads.path(kept(payloads, b"stays")).read_bytes() == b"stays"


def test_keep_syncs_the_file_then_renames_then_syncs_the_directory(
    payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(fd: int) -> None:
        steps.append("fsync directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "fsync file")
        real_fsync(fd)

    def rename(*arguments: str, **options: int) -> None:
        steps.append("rename")
        real_rename(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    kept(payloads, b"x")
    assert steps == ["fsync file", "rename", "fsync directory"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_while_writing_is_a_full_disk(
    payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with payloads.new_intake() as intake:
        monkeypatch.setattr(os, "write", failing(number))
        with pytest.raises(StorageFull, match="no space is left"):
            intake.write(b"x")
    assert list((payloads.root / "intake").iterdir()) == []


@pytest.fixture
def small_files() -> Iterator[int]:
    """No file of this process may grow beyond this number of bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield 4096
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_the_kernel_cuts_short_is_an_error_and_never_taken_for_whole(
    payloads: PayloadStore, small_files: int
) -> None:
    with payloads.new_intake() as intake:
        with pytest.raises(StorageError, match="File too large"):
            intake.write(bytes(small_files + 1))
        assert intake.size == small_files


def test_a_full_disk_at_fsync_removes_the_file_and_the_store_goes_on(
    payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(errno.ENOSPC))
        with pytest.raises(StorageFull):
            kept(payloads, b"x")
    assert list((payloads.root / "intake").iterdir()) == []
    assert payloads.failure is None
    assert payloads.path(kept(payloads, b"there is room again")).is_file()


@pytest.mark.parametrize("failing_call", [1, 2], ids=["of the file", "of the directory"])
def test_after_a_failed_fsync_nothing_is_kept_and_nothing_more_is_taken(
    payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch, failing_call: int
) -> None:
    calls = 0

    def fsync(_fd: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing_call:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)
    waiting = payloads.new_intake()
    with pytest.raises(StorageError, match="durable"):
        kept(payloads, b"lost")
    assert calls == failing_call
    with pytest.raises(StorageError, match="until the disk was looked at"):
        waiting.keep()
    with pytest.raises(StorageError, match="until the disk was looked at"):
        payloads.new_intake()
    assert [path for path in payloads.root.rglob("*") if path.is_file()] == []
    assert payloads.failure is not None


def test_the_watermark_refuses_what_does_not_fit(payloads: PayloadStore) -> None:
    payloads.require_free(1)
    with pytest.raises(StorageFull, match="MiB left"):
        payloads.require_free(1 << 60)


def test_recovery_removes_what_was_never_acknowledged_and_keeps_the_rest(payloads: PayloadStore) -> None:
    known, orphan = kept(payloads, b"known"), kept(payloads, b"orphan")
    unfinished = payloads.new_intake()
    unfinished.write(b"half")
    stranger = payloads.root / "payload" / "README"
    stranger.write_text("put here by a person")
    left = payloads.recover(lambda name: name == known)
    assert (left.intake_removed, left.orphans_removed) == (1, 1)
    assert payloads.path(known).is_file()
    assert not payloads.path(orphan).exists()
    assert not unfinished.path.exists()
    assert stranger.is_file()
    unfinished.discard()


def test_a_payload_that_is_gone_is_named(payloads: PayloadStore) -> None:
    name = kept(payloads, b"x")
    payloads.delete(name)
    payloads.delete(name)
    with pytest.raises(PayloadDamaged, match=name):
        payloads.open(name)


def test_a_store_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    (tmp_path / "intake").write_text("a file where a directory belongs")
    with pytest.raises(StorageError, match=str(tmp_path)):
        PayloadStore(tmp_path)
