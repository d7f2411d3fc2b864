"""The payload store keeps what it says it keeps, and nothing that it did not say."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealgate.errors import PayloadDamaged, StorageError, StorageFull
from sealgate.spool.blocks import BLOCK_BYTES, BUFFER_BYTES, MAX_BUFFERS
from sealgate.spool.payload import PREPARED_FILES, SHARDS, PayloadStore


def kept(payloads: PayloadStore, content: bytes) -> str:
    with payloads.new_intake() as intake:
        intake.write(content)
        return intake.keep()


def written(payloads: PayloadStore) -> list[Path]:
    """The payload files with bytes in them; the others were made in advance."""
    return [path for path in (payloads.root / "payload").rglob("*") if path.is_file() and path.stat().st_size]


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


def content_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize(
    "size", [1, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 1, BUFFER_BYTES, BUFFER_BYTES + 1, 3 * BUFFER_BYTES]
)
def test_a_payload_of_any_size_has_the_bytes_that_were_written(payloads: PayloadStore, size: int) -> None:
    content = content_of(size)
    with payloads.new_intake() as intake:
        for position in range(0, size, 100_001):
            intake.write(memoryview(content)[position : position + 100_001])
        assert bytes(intake.view()) == content
        intake.append(b"signature")
        assert payloads.path(intake.keep()).read_bytes() == content + b"signature"


@pytest.mark.parametrize("taken", [0, MAX_BUFFERS], ids=["with a buffer", "without one"])
@pytest.mark.parametrize("size", [BUFFER_BYTES + 1, 2 * BUFFER_BYTES, 3 * BUFFER_BYTES + 4097])
@pytest.mark.parametrize("step", [4096, 100_000, 5 * BUFFER_BYTES])
def test_the_bytes_that_leave_memory_are_told_once_and_in_order_and_none_that_are_added(
    payloads: PayloadStore, taken: int, size: int, step: int
) -> None:
    others = [payloads.new_intake() for _ in range(taken)]
    content, told = content_of(size), bytearray()
    with payloads.new_intake(told.extend) as intake:
        for position in range(0, size, step):
            intake.write(memoryview(content)[position : position + step])
        view = intake.view()
        assert bytes(told) == bytes(view) == content
        intake.append(bytes(BUFFER_BYTES + 1))
        intake.keep()
    assert bytes(told) == content
    for other in others:
        other.discard()


def test_nothing_is_told_of_what_stays_in_memory(payloads: PayloadStore) -> None:
    told = bytearray()
    with payloads.new_intake(told.extend) as intake:
        intake.write(content_of(BUFFER_BYTES))
        intake.view()
        intake.append(b"signature")
        intake.keep()
    assert not told


@pytest.mark.parametrize("room", [0, 1, 5000])
def test_what_is_appended_beyond_the_buffer_does_not_change_what_is_viewed_in_it(
    payloads: PayloadStore, room: int
) -> None:
    content, inserted = content_of(BUFFER_BYTES - room), b"signature" * 1000
    with payloads.new_intake() as intake:
        intake.write(content)
        view = intake.view()
        for _ in range(2):
            intake.append(inserted)
            assert bytes(view) == content
        assert payloads.path(intake.keep()).read_bytes() == content + inserted * 2
        assert bytes(view) == content


@pytest.mark.parametrize("size", [9, 2 * BUFFER_BYTES])
def test_a_view_shows_what_was_written_and_stays_while_more_is_appended(payloads: PayloadStore, size: int) -> None:
    with payloads.new_intake() as intake:
        intake.write(bytes(size))
        view = intake.view()
        intake.append(b"signature")
        assert bytes(view) == bytes(size)
        with pytest.raises(TypeError, match=r"read-only|modify"):
            memoryview(view)[0] = 1


def test_no_file_is_written_to_before_an_instance_is_kept_or_too_large_for_memory(payloads: PayloadStore) -> None:
    with payloads.new_intake() as small, payloads.new_intake() as large:
        small.write(bytes(BUFFER_BYTES))
        large.write(bytes(BUFFER_BYTES))
        assert written(payloads) == []
        large.write(b"x")
        assert [path.stat().st_size for path in written(payloads)] == [BUFFER_BYTES]
    assert written(payloads) == []


def test_more_instances_at_once_than_there_are_buffers_are_kept_as_well(payloads: PayloadStore) -> None:
    intakes = [payloads.new_intake() for _ in range(MAX_BUFFERS + 2)]
    for number, intake in enumerate(intakes):
        intake.write(b"instance %d" % number)
    for number, intake in enumerate(intakes):
        assert payloads.path(intake.keep()).read_bytes() == b"instance %d" % number
        intake.discard()


def test_a_file_system_without_direct_writes_gets_the_same_bytes(
    payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = content_of(5 * BLOCK_BYTES + 7)
    real = fcntl.fcntl

    def refusing(fd: int, command: int, flags: int = 0) -> int:
        if command == fcntl.F_SETFL and flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(fd, command, flags)

    monkeypatch.setattr(fcntl, "fcntl", refusing)
    assert payloads.path(kept(payloads, content)).read_bytes() == content


def test_a_disk_with_larger_blocks_gets_the_same_bytes(payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    content = content_of(5 * BLOCK_BYTES + 7)
    real = os.write

    def refusing(fd: int, piece: memoryview) -> int:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(fd, piece)

    monkeypatch.setattr(os, "write", refusing)
    assert payloads.path(kept(payloads, content)).read_bytes() == content


def test_directories_and_files_are_for_the_owner_alone(payloads: PayloadStore) -> None:
    name = kept(payloads, b"x")
    assert stat.S_IMODE(payloads.path(name).stat().st_mode) == 0o600
    for directory in (payloads.root / "payload", payloads.path(name).parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_names_are_random_and_sharded_by_their_first_two_digits(payloads: PayloadStore) -> None:
    names = {kept(payloads, b"the same") for _ in range(5)}
    assert len(names) == 5
    for name in names:
        assert payloads.path(name) == payloads.root / "payload" / name[:2] / name


def test_a_name_that_is_taken_is_refused_and_not_overwritten(tmp_path: Path) -> None:
    taken = tmp_path / "payload" / "00" / ("0" * 32)
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"first")
    with PayloadStore(tmp_path, new_name=lambda: "0" * 32) as payloads:
        with pytest.raises(StorageError, match="File exists"):
            kept(payloads, b"second")
        assert taken.read_bytes() == b"first"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "ab/" + "0" * 32, "0" * 31, "0" * 32 + "\n", "G" * 32])
def test_only_names_that_the_store_gave_are_let_near_a_path(payloads: PayloadStore, name: str) -> None:
    for use in (payloads.path, payloads.open, payloads.delete):
        with pytest.raises(RuntimeError, match="is not a name"):
            use(name)


@pytest.mark.parametrize("size", [10, 2 * BUFFER_BYTES])
def test_what_is_discarded_leaves_nothing_and_may_be_discarded_again(payloads: PayloadStore, size: int) -> None:
    intake = payloads.new_intake()
    intake.write(bytes(size))
    intake.discard()
    intake.discard()
    assert written(payloads) == []


def test_leaving_the_block_after_keep_does_not_remove_the_payload(payloads: PayloadStore) -> None:
    assert payloads.path(kept(payloads, b"stays")).read_bytes() == b"stays"


def test_names_are_durable_before_anything_has_them_and_bytes_before_they_are_kept(
    payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable_names: set[str] = set()
    durable_bytes: set[str] = set()
    real_fsync, real_write = os.fsync, os.write

    def fsync(fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        found = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
        real_fsync(fd)
        durable_names.update(found)
        durable_bytes.add(path.name)

    def write(fd: int, content: bytes) -> int:
        name = Path(f"/proc/self/fd/{fd}").readlink().name
        assert name in durable_names
        durable_bytes.discard(name)
        return real_write(fd, content)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "write", write)
    for _ in range(3 * PREPARED_FILES):
        assert kept(payloads, b"x") in durable_bytes


def test_a_file_that_somebody_removed_while_it_was_written_is_not_kept(payloads: PayloadStore) -> None:
    with payloads.new_intake() as intake:
        intake.write(bytes(BUFFER_BYTES + 1))
        (path,) = written(payloads)
        path.unlink()
        with pytest.raises(StorageError, match="somebody removed"):
            intake.keep()


def test_files_made_in_advance_are_removed_at_the_end(tmp_path: Path) -> None:
    with PayloadStore(tmp_path) as payloads:
        name = kept(payloads, b"x")
        assert len(list(payloads.path(name).parent.iterdir())) == PREPARED_FILES
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [payloads.path(name)]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_while_writing_is_a_full_disk(
    payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with payloads.new_intake() as intake:
        intake.write(b"x")
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", failing(number))
            with pytest.raises(StorageFull, match="no space is left"):
                intake.keep()
    assert written(payloads) == []


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
        intake.write(bytes(small_files + 1))
        with pytest.raises(StorageError, match="File too large"):
            intake.keep()
    assert written(payloads) == []


def test_a_full_disk_at_fsync_removes_the_file_and_the_store_goes_on(
    payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(errno.ENOSPC))
        with pytest.raises(StorageFull):
            kept(payloads, b"x")
    assert written(payloads) == []
    assert payloads.failure is None
    assert payloads.path(kept(payloads, b"there is room again")).is_file()


@pytest.mark.parametrize("failing_call", [1, 2], ids=["of the directory", "of the file"])
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
    assert written(payloads) == []
    assert payloads.failure is not None


def test_the_watermark_refuses_what_does_not_fit(payloads: PayloadStore) -> None:
    payloads.require_free(1)
    with pytest.raises(StorageFull, match="MiB left"):
        payloads.require_free(1 << 60)


def test_payloads_that_were_never_acknowledged_are_removed_and_nothing_else(payloads: PayloadStore) -> None:
    known, orphan = kept(payloads, b"known"), kept(payloads, b"orphan")
    stranger = payloads.root / "payload" / "README"
    stranger.write_text("put here by a person")
    found = set().union(*(payloads.names(shard) for shard in SHARDS))
    assert {name for name in found if payloads.holds_bytes(name)} == {known, orphan}
    payloads.remove(found - {known})
    assert set(written(payloads)) == {payloads.path(known), stranger}


def test_a_payload_that_is_gone_is_named(payloads: PayloadStore) -> None:
    name = kept(payloads, b"x")
    payloads.delete(name)
    payloads.delete(name)
    with pytest.raises(PayloadDamaged, match=name):
        payloads.open(name)


def test_a_store_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    (tmp_path / "payload").write_text("a file where a directory belongs")
    with pytest.raises(StorageError, match=str(tmp_path)):
        PayloadStore(tmp_path)
