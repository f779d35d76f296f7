"""`callvault verify` of a damaged archive ends with findings; of one that is whole, with none."""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from callvault.archive.manifests.chain import head
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.expectation import spelt
from callvault.cli.main import app
from tests.archive.sealed import archived, lost, sealed, wav
from tests.fuzz.hostile import ODD, hostile_values, written
from tests.fuzz.profile import fuzz

SECONDS = 60
"""Time for one verification, which takes some tenths of a second."""


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """End a verification that hangs in a system call."""

    def too_long(*_: object) -> None:
        raise AssertionError(f"it hangs for {SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of an archive with two recordings, one of them sealed twice."""
    root = tmp_path_factory.mktemp("vault") / "main"
    root.mkdir()
    archive = DirectoryArchive("main", root)
    chunk = archived(archive, 0, media=wav(0.1), duration_ms=100)
    other = archived(archive, 0, recording_id="rec-2", media=wav(0.1, tone=300), duration_ms=100)
    sealed(archive, chunk, recording_duration_ms=100)
    sealed(archive, other, recording_id="rec-2", recording_duration_ms=100)
    sealed(archive, chunk, lost(1, "the window closed"), recording_duration_ms=None)
    return root


def head_of(vault: Path) -> str:
    found = head(DirectoryArchive("main", vault))
    assert found
    return spelt(found)


def verified(root: Path, known_head: str, *options: str) -> Result:
    """Verify with the end of the chain that was seen before, as people are told to."""
    signal.alarm(SECONDS)
    done = CliRunner().invoke(app, ["verify", str(root), "--head", known_head, *options])
    signal.alarm(0)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output
    assert all(character.isprintable() or character == "\n" for character in done.output)
    return done


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


Damage = Callable[[Path, random.Random], None]


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes() or b"\0")
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def cut(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: chance.randrange(max(1, path.stat().st_size))])


def lengthen(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes() + chance.randbytes(1 + chance.randrange(100)))


def delete(path: Path, chance: random.Random) -> None:
    path.unlink()


def empty(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def as_pipe(path: Path, chance: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def as_directory(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


def as_link(path: Path, chance: random.Random) -> None:
    outside = path.with_name(f"..{chance.random()}")
    path.rename(outside)
    path.symlink_to(chance.choice([outside.name, path.name, "/dev/zero", "/", "nowhere"]))


def as_abyss(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 40)


def as_tree(path: Path, chance: random.Random) -> None:
    """Put a link to a directory in the place of the folder."""
    folder = path.parent
    moved = folder.with_name(f".{folder.name}.moved")
    folder.rename(moved)
    folder.symlink_to(moved.name)


DAMAGES: tuple[Damage, ...] = (
    *(flip, flip, cut, lengthen, delete, empty, as_pipe, as_directory, as_link, as_abyss, as_tree),
)
HOSTILE = st.one_of(
    st.sampled_from(ODD).map(written),
    hostile_values({"archive": "main", "sequence": 1, "manifest": {"size": 1}}).map(written),
)


@given(
    seed=st.integers(0, 2**32),
    damages=st.lists(st.sampled_from(DAMAGES), min_size=1, max_size=3),
    options=st.sampled_from([(), ("--json",), ("--quick",)]),
)
@fuzz(20)
def test_c4_any_damage_is_a_finding(
    vault: Path,
    tmp_path: Path,
    seed: int,
    damages: list[Damage],
    options: tuple[str, ...],
) -> None:
    known = head_of(vault)
    root = _copy(vault, tmp_path)
    chance = random.Random(seed)
    damaged = []
    for damage in damages:
        path = chance.choice(files(root) or [root / "nothing"])
        if path.exists():
            damage(path, chance)
            damaged.append(path.relative_to(root).as_posix())
    done = verified(root, known, *options)
    # A file beside an object may say the same in other letters, and --quick reads no media.
    certain = [name for name in damaged if "/." not in name and _is_read(name, options)]
    assert done.exit_code == 1 or (done.exit_code == 0 and not certain), (damaged, done.output)
    if done.exit_code == 1:
        assert "problem" in done.output


def _is_read(name: str, options: tuple[str, ...]) -> bool:
    return "--quick" not in options or name.endswith("manifest.json") or "manifests/" in name


@given(data=st.data())
@fuzz(15)
def test_c4_a_file_of_hostile_json_is_a_finding(
    vault: Path, tmp_path: Path, data: st.DataObject
) -> None:
    known = head_of(vault)
    root = _copy(vault, tmp_path)
    path = data.draw(st.sampled_from(files(root)))
    own = _json_of(path)
    content = data.draw(
        HOSTILE if own is None else st.one_of(HOSTILE, hostile_values(own).map(written))
    )
    is_other = content != path.read_bytes()
    path.write_bytes(content)
    done = verified(root, known)
    is_beside = path.name.startswith(".")
    assert done.exit_code == 1 or (done.exit_code == 0 and (is_beside or not is_other)), done.output


def _json_of(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


@given(seed=st.integers(0, 2**32))
@fuzz(4)
def test_c4_files_that_changed_their_places_are_findings(
    vault: Path, tmp_path: Path, seed: int
) -> None:
    known = head_of(vault)
    root = _copy(vault, tmp_path)
    one, other = random.Random(seed).sample([f for f in files(root) if f.name[0] != "."], 2)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert verified(root, known).exit_code == (1 if first != second else 0)


def test_c4_what_is_whole_has_no_finding(vault: Path) -> None:
    known = head_of(vault)
    for options in ((), ("--quick",), ("--json",)):
        assert verified(vault, known, *options).exit_code == 0


def _copy(vault: Path, tmp_path: Path) -> Path:
    root = tmp_path / "main"
    # A link or a pipe of the last example has to go as well.
    shutil.rmtree(root, ignore_errors=True)
    return Path(shutil.copytree(vault, root))
