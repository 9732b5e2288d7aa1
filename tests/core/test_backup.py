"""The archive: what was not written so is refused. The file of a store: one moment of it, and never under a running service."""

import io
import json
import sqlite3
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from opsbuddy_core.backup import tool
from opsbuddy_core.backup.archive import BackupError, Writer, newer, unpack
from opsbuddy_core.backup.sqlite_file import SqliteFile
from opsbuddy_core.backup.tool import _draft
from opsbuddy_core.sqlite import SqliteStore

SCHEMA = ["CREATE TABLE pair (a INTEGER, b INTEGER)"]


def archived(service: str = "file-service", version: str = "0.1.0", **members: bytes) -> bytes:
    out = io.BytesIO()
    with Writer(out, service, version) as archive:
        for name, content in members.items():
            archive.add_bytes(name, content)
    return out.getvalue()


def refused(archive: bytes, folder: Path) -> str:
    with pytest.raises(BackupError) as error:
        unpack(io.BytesIO(archive), folder)
    return str(error.value)


def tar(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w|") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_what_was_archived_comes_out_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    manifest = unpack(io.BytesIO(archived(one=b"1", two=b"2" * 100_000)), tmp_path)
    assert (manifest.service, manifest.version, manifest.parts["one"]["bytes"]) == ("file-service", "0.1.0", 1)
    assert (tmp_path / "two").read_bytes() == b"2" * 100_000
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_an_archive_with_one_byte_changed_is_refused(tmp_path: Path) -> None:
    whole = bytearray(archived(one=b"x" * 5000))
    whole[1000] ^= 1
    assert "one is not what was written" in refused(bytes(whole), tmp_path)


@pytest.mark.parametrize("kept", [0, 100, 512, 3000, 6000])
def test_an_archive_that_was_cut_off_is_refused(kept: int, tmp_path: Path) -> None:
    assert refused(archived(one=b"x" * 5000)[:kept], tmp_path)


def test_an_archive_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    manifest = {"format": 1, "service": "s", "version": "0.1.0", "at": "", "parts": {"one": {"bytes": 0, "sha256": ""}}}
    assert "one is not what was written" in refused(tar(("manifest.json", json.dumps(manifest).encode())), tmp_path)


def test_an_archive_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    assert "newer format" in refused(tar(("manifest.json", b'{"format": 2}')), tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_no_member_is_written_outside_of_the_folder(name: str, tmp_path: Path) -> None:
    assert "leads out" in refused(tar((name, b"x")), tmp_path / "inside")
    assert not (tmp_path / "outside").exists()


def member(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **changes: object) -> bytes:
    """Return an archive with this one member, then a manifest that says nothing against it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=changes.pop("format", tarfile.GNU_FORMAT)) as archive:  # type: ignore[arg-type]
        entry = tarfile.TarInfo(name)
        entry.type, entry.size = kind, len(content)
        for field, value in changes.items():
            setattr(entry, field, value)
        archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def manifest(**changes: object) -> bytes:
    document = {"format": 1, "service": "file-service", "version": "0.1.0", "at": "", "parts": {}}
    return tar(("manifest.json", json.dumps(document | changes).encode()))


def of_zeros(size: int) -> bytes:
    """Return an archive of one sparse file, as GNU tar writes them: a block that stands for `size` bytes."""
    whole = bytearray(member("zeros"))
    whole[156:157] = b"S"
    whole[386:398], whole[398:410] = b"%011o\0" % size, b"%011o\0" % 0  # a hole up to there
    whole[483:495] = b"%011o\0" % size
    whole[148:156] = b" " * 8
    whole[148:156] = b"%06o\0 " % sum(whole[:512])
    return bytes(whole)


@pytest.mark.parametrize(
    "archive",
    [
        member("link", tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("link", tarfile.LNKTYPE, linkname="../outside"),
        member("device", tarfile.CHRTYPE, devmajor=1, devminor=5),
        member("pipe", tarfile.FIFOTYPE),
        member("folder", tarfile.DIRTYPE),
        of_zeros(1 << 30),
        member("x", format=tarfile.PAX_FORMAT, pax_headers={"size": "many"}),
        member("x", format=tarfile.PAX_FORMAT, pax_headers={"GNU.sparse.map": "a,b", "GNU.sparse.size": "-"}),
        member("n" * 300),
        member("line\nfeed"),
        member("\x1b[2J"),
        member("."),
        tar(("a", b"1"), ("a/b", b"2")),
        tar(("a/b", b"1"), ("a", b"2")),
        tar(("a", b"1"), ("./a", b"2")),
        manifest(parts=7),
        manifest(parts=["one"]),
        manifest(service={"a": 1}),
        manifest(service="\x1b[2J"),
        manifest(version="9" * 5000),
        manifest(version=None),
        manifest(at="\n"),
        manifest(format="1"),
        manifest(format=[]),
        tar(("manifest.json", b"[" * 100_000)),
        tar(("manifest.json", b"\xff\xfe")),
        tar(("manifest.json", b'{"format": ' + b"9" * 5000 + b"}")),
        b"\x1f\x8b\x08" + b"x" * 2000,
        b"x" * 2000,
    ],
)  # fmt: skip
def test_what_nobody_wrote_in_good_faith_is_refused_in_a_sentence(archive: bytes, tmp_path: Path) -> None:
    """Whatever the standard library makes of it: links, devices, holes, headers and manifests of any kind."""
    inside = tmp_path / "inside"
    said = refused(archive, inside)
    assert said.isprintable()
    assert str(tmp_path) not in said
    assert [path for path in tmp_path.rglob("*") if not path.is_relative_to(inside)] == []
    assert sum(path.lstat().st_size for path in inside.rglob("*") if path.is_file()) < 10_000


def test_an_archive_can_be_looked_at_without_writing_anything(tmp_path: Path) -> None:
    assert unpack(io.BytesIO(archived(one=b"1")), None).service == "file-service"
    with pytest.raises(BackupError, match=r"cut off|damaged"):
        unpack(io.BytesIO(archived(one=b"x" * 5000)[:3000]), None)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_whose_writing_failed_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()

    def write() -> None:
        with Writer(out, "s", "0.1.0") as archive:
            archive.add_bytes("one", b"1")
            archive.add("two", 10, io.BytesIO(b"short"))

    with pytest.raises(BackupError, match="could not be read to its end"):
        write()
    assert refused(out.getvalue(), tmp_path)


@pytest.mark.parametrize(
    ("version", "than", "is_newer"), [("0.1.0", "0.1.0", False), ("0.2.0", "0.1.9", True), ("0.9.0", "0.10.0", False)]
)
def test_versions_are_compared_by_their_numbers(version: str, than: str, is_newer: bool) -> None:
    assert newer(version, than) is is_newer


async def test_a_store_is_saved_as_of_one_moment_while_it_is_written(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "pairs.sqlite3", SCHEMA)
    await store.start()
    ended = threading.Event()
    out = io.BytesIO()

    def save() -> None:
        (tmp_path / "draft").mkdir()
        with Writer(out, "s", "0.1.0") as archive:
            SqliteFile(store.path, len(SCHEMA)).save(archive, tmp_path / "draft")
        ended.set()

    for number in range(50):
        await store.write(lambda c, n=number: c.execute("INSERT INTO pair VALUES (?, ?)", (n, n)))
    saving = threading.Thread(target=save)
    saving.start()
    while not ended.is_set():
        await store.write(lambda c: c.execute("UPDATE pair SET a = a + 1, b = b + 1"))
    saving.join()
    unpack(io.BytesIO(out.getvalue()), tmp_path / "saved")
    with pytest.raises(BackupError, match="runs"):
        SqliteFile(store.path, len(SCHEMA)).load(tmp_path / "saved")
    await store.stop()

    restored = SqliteFile(tmp_path / "fresh" / "pairs.sqlite3", len(SCHEMA))
    (tmp_path / "fresh").mkdir()
    assert restored.hindrance(force=False) is None
    restored.load(tmp_path / "saved")
    with closing(sqlite3.connect(tmp_path / "fresh" / "pairs.sqlite3")) as connection:
        rows = connection.execute("SELECT a, b FROM pair").fetchall()
    assert len(rows) == 50
    assert {a - b for a, b in rows} == {0}
    assert len({a - n for n, (a, _) in enumerate(rows)}) == 1, "a half of an update was saved"
    assert "--force" in (restored.hindrance(force=False) or "")
    assert restored.hindrance(force=True) is None


def test_a_store_of_a_newer_schema_is_refused_and_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    for path, number in ((tmp_path / "x.sqlite3", 1), (tmp_path / "saved" / "x.sqlite3", 2)):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {number}")
    with pytest.raises(BackupError, match="newer schema"):
        SqliteFile(tmp_path / "x.sqlite3", 1).load(tmp_path / "saved")
    with closing(sqlite3.connect(tmp_path / "x.sqlite3")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_an_archive_without_the_store_takes_nothing_away(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    store = SqliteFile(tmp_path / "x.sqlite3", 1)
    store.load(tmp_path / "saved")
    (tmp_path / "x.sqlite3").touch()
    with pytest.raises(BackupError, match=r"no x.sqlite3: what is there stays"):
        store.load(tmp_path / "saved")
    assert (tmp_path / "x.sqlite3").exists()


@pytest.mark.process
@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (archived(one=b"1"), "This is an archive of file-service"),
        (b"", "damaged"),
        (archived("analytics-service", "99.0.0"), "of version 99.0.0"),
        (tar(("manifest.json", b'{"format": 1, "service": "analytics-service", "version": "0.1.0", "parts": 7}')), "damaged"),
    ],
    ids=["of another service", "empty", "of a newer version", "made up"],
)  # fmt: skip
def test_a_tool_refuses_what_it_should_not_restore_and_leaves_nothing(
    archive: bytes, said: str, tmp_path: Path
) -> None:
    program = [sys.executable, "-m", "opsbuddy_analytics_service.main", "restore"]
    done = subprocess.run(program, env={"DATA_DIR": str(tmp_path)}, input=archive, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert said in done.stderr.decode()
    assert not list(tmp_path.iterdir())


@pytest.mark.process
def test_a_store_that_another_process_has_open_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    program = f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('PRAGMA journal_mode = WAL'); c.execute('CREATE TABLE t (a)')"
    command = [sys.executable, "-c", program + "; print('open', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"open\n"
        there = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
        assert SqliteFile(path, 1).hindrance(force=True) == "The service runs: stop it first."
        assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == there
        other.communicate(b"\n")
    assert SqliteFile(path, 1).hindrance(force=True) is None


def test_a_damaged_store_is_set_aside_by_force(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite3").write_bytes(b"no database any more" * 1000)
    (tmp_path / "x.sqlite3-wal").write_bytes(b"nor its log")
    (tmp_path / "saved").mkdir()
    with closing(sqlite3.connect(tmp_path / "saved" / "x.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 1")
    store = SqliteFile(tmp_path / "x.sqlite3", 1)
    assert store.hindrance(force=True) is None
    store.load(tmp_path / "saved")
    with closing(sqlite3.connect(tmp_path / "x.sqlite3")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    aside = sorted(path for path in tmp_path.iterdir() if "damaged" in path.name)
    assert aside[0].read_bytes().startswith(b"no database")
    assert not (tmp_path / "x.sqlite3-wal").exists()


class Settings:
    data_dir = Path()

    @classmethod
    def load(cls) -> "Settings":
        return cls()


def test_a_check_changes_nothing_and_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "_only_ours", io.BytesIO)
    monkeypatch.setattr(Settings, "data_dir", tmp_path / "data")

    def check(*options: str) -> int:
        store = SqliteFile(tmp_path / "data" / "x.sqlite3", 1)
        return tool.run(["restore", "--check", *options], "opsbuddy-core", Settings, lambda _: [store])

    assert check() == 0
    assert not (tmp_path / "data").exists()
    with _draft(tmp_path / "data") as draft:
        (tmp_path / "data" / "x.sqlite3").write_bytes(b"something")
        before = sorted((path, path.lstat()) for path in (tmp_path / "data").rglob("*"))
        (draft / "piece").touch()
        assert (check(), check("--force")) == (1, 0)
        (draft / "piece").unlink()
        after = sorted((path, path.lstat()) for path in (tmp_path / "data").rglob("*"))
    assert [(path, said.st_size, said.st_ino) for path, said in after] == [
        (path, said.st_size, said.st_ino) for path, said in before
    ]
    assert capsys.readouterr().err == "core: There is data already (x.sqlite3); --force replaces it.\n"


def test_where_the_folder_of_the_data_cannot_be_written_pieces_go_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with _draft(tmp_path) as draft:
        assert not draft.is_relative_to(tmp_path)
    assert not draft.exists()


def test_two_runs_at_once_do_not_take_each_others_pieces(tmp_path: Path) -> None:
    with _draft(tmp_path) as draft:
        (draft / "piece").touch()
        with pytest.raises(BackupError, match="Another back-up or restore runs here"), _draft(tmp_path):
            pass
        assert (draft / "piece").exists()
    with _draft(tmp_path) as draft:
        assert not list(draft.iterdir())
    assert not list(tmp_path.iterdir())
