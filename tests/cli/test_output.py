"""Is a command's output whole, or its loss told, wherever it goes?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CALLVAULT = (sys.executable, "-m", "callvault")
FULL = Path("/dev/full")


def run(*words: str | Path, into: int | None = None, **environment: str) -> tuple[int, bytes, str]:
    """Run a command, its output into this descriptor; return status, output and complaints."""
    done = subprocess.run(
        [*CALLVAULT, *words],
        env=os.environ | environment,
        stdout=subprocess.PIPE if into is None else into,
        stderr=subprocess.PIPE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


COMMANDS = {
    "help": ("-h",),
    "version": ("--version",),
    "settings": ("config",),
    "a report": ("verify", ".", "--may-be-empty"),
    "a report as JSON": ("verify", ".", "--may-be-empty", "--json"),
    "what was done, as JSON": ("keygen", "key.pem", "--json"),
}
commands = pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.skipif(not FULL.exists(), reason="no device here is always full")
@commands
def test_a_full_disk_is_told_in_a_sentence(words: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        status, _, told = run(*words, into=full.fileno())
    assert status == 1
    (sentence,) = told.splitlines()
    assert sentence.startswith("callvault: standard output takes nothing more")
    assert sentence.endswith(": No space left on device")


@commands
def test_where_nobody_reads_a_command_ends_as_other_programs_do(words: tuple[str, ...]) -> None:
    """As in ``| head -1``: quietly, with the shell's status of SIGPIPE."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert run(*words, into=writing) == (141, None, "")
    finally:
        os.close(writing)


@commands
def test_without_a_standard_output_a_command_does_its_work(words: tuple[str, ...]) -> None:
    closed = ["sh", "-c", 'exec "$0" "$@" >&-', *CALLVAULT, *words]
    done = subprocess.run(closed, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_json_is_ascii_where_the_locale_is_not_utf_8(tmp_path: Path) -> None:
    archive = tmp_path / "schlüssel-鍵-🔑"
    archive.mkdir()
    for encoding, wanted in (("latin-1", "ascii"), ("ascii", "ascii"), ("utf-8", "utf-8")):
        _, said, told = run("verify", archive, "--json", PYTHONIOENCODING=encoding)
        (problem,) = json.loads(said.decode(wanted))["problems"]
        assert str(archive) in problem["location"], told
    assert str(archive) in said.decode("utf-8")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_a_text_is_printed_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    key = tmp_path / "鍵.pem"
    status, said, told = run("keygen", key, PYTHONUTF8="1", PYTHONIOENCODING=encoding)
    assert (status, told) == (0, "")
    shown = "鍵" if encoding == "utf-8" else "\\u9375"
    assert f"{shown}.pem (private)" in said.decode(encoding)


@pytest.mark.parametrize("columns", ["1", "20", "80"])
def test_a_narrow_terminal_crops_no_sentence(tmp_path: Path, columns: str) -> None:
    status, said, _ = run("verify", tmp_path, "--may-be-empty", COLUMNS=columns)
    assert (status, said.count(b"\n")) == (0, 1)
    assert run("-h", COLUMNS=columns)[0] == 0


def test_without_colours_nothing_is_coloured(tmp_path: Path) -> None:
    """NO_COLOR counts also where colours are forced."""
    words = ("verify", tmp_path, "--may-be-empty")
    assert b"\x1b[1;32m" in run(*words, FORCE_COLOR="1", TERM="xterm")[1]
    assert b";32m" not in run(*words, FORCE_COLOR="1", TERM="xterm", NO_COLOR="1")[1]
