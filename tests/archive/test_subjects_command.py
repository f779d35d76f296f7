"""The commands `callvault subjects find`, `callvault index check` and `callvault index rebuild`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from callvault.archive.access_log.log import AccessLog
from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import seal
from callvault.archive.names import SUBJECTS_PREFIX, folder_of
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.subjects.index import remove
from callvault.archive.verify.verifier import verify_archive
from callvault.cli.main import app
from callvault.contracts.access import AccessAction
from callvault.contracts.consent import Presence
from callvault.contracts.participants import participant_hash
from callvault.errors import ConfigurationError, InvalidRequest
from tests.archive.sealed import NOON, archived, recording, seal_input

SIGNER = Signer.generate()
ANA, PHONE = "8:acs:5f1c-ana_0000", "4:+49301234567"


class Place:
    """An archive with its configuration."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path
        self.archive = DirectoryArchive("main", tmp_path / "archive")
        make_identity(self.archive, None, datetime.now(UTC))
        (tmp_path / "signing.pem").write_bytes(SIGNER.pem())
        self.config = tmp_path / "callvault.toml"
        self.uses("first key")

    def uses(self, key: str, *earlier: str) -> None:
        """Write the configuration, with a key of participants and earlier ones."""
        files = []
        for number, text in enumerate([key, *earlier]):
            files.append(self.path / f"key-{number}")
            files[-1].write_text(text)
        older = ", ".join(f'"file:{file}"' for file in files[1:])
        self.config.write_text(
            f'[archives.main]\nkind = "directory"\npath = "{self.path / "archive"}"\n'
            f'signing_key = "file:{self.path / "signing.pem"}"\n'
            f'[participants]\nkey = "file:{files[0]}"\nearlier_keys = [{older}]\n'
        )

    def keeps(self, recording_id: str, *raw_ids: str, stays: tuple[str, ...] = ()) -> str:
        people = [{"participantId": each} for each in raw_ids]
        chunk = archived(self.archive, recording_id=recording_id, participants=people)
        present = tuple(Presence(participant=each, told_at=NOON) for each in stays)
        of = recording(chunk, recording_id=recording_id)
        order = seal_input(self.archive, of, participants=present)
        return folder_of(seal(self.archive, order, SIGNER, lambda: NOON).object_name)

    def run(self, *arguments: str, input: str | None = None) -> Result:
        words = [*arguments, "--config", str(self.config)]
        return CliRunner().invoke(app, words, input=input, catch_exceptions=False)

    def rebuilds(self) -> str:
        ended = self.run("index", "rebuild")
        assert ended.exit_code == 0, ended.output
        return ended.stdout

    def finds(self, participant: str, *more: str) -> list[str]:
        ended = self.run("subjects", "find", participant, "--json", *more)
        assert ended.exit_code == 0, ended.output
        [found] = json.loads(ended.stdout)
        return [each["folder"] for each in found["recordings"]]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize(
    "spelling",
    [
        "4:+49301234567",
        "+49 (0)30 123-4567",
        "tel:0049 30 1234567",
        "4%3A%2B49301234567",
        participant_hash(PHONE, "first key"),
        participant_hash(PHONE, "first key").upper(),
    ],
)
def test_a_person_is_found_under_every_spelling(place: Place, spelling: str) -> None:
    folder = place.keeps("rec-1", PHONE)
    place.keeps("rec-2", ANA)
    place.rebuilds()
    assert place.finds(spelling) == [folder]


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("Ana", "begins with its kind"),
        ("ana@example.com", "begins with its kind"),
        ("8:", "begins with its kind"),
        ("0301234567", "has its country"),
        ("4:+49 30 abc", "digits alone"),
        ("tel:abc", "digits alone"),
        ("8:acs:" + "a" * 2_048, "too long"),
        ("8:acs:a\x00b", "characters that no id has"),
        ("f" * 63, "begins with its kind"),
    ],
)
def test_what_is_no_id_is_refused_and_nothing_is_searched(
    place: Place, wrong: str, advice: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"no id of a participant: .*{advice}"):
        place.run("subjects", "find", wrong)
    assert not list(place.archive.names("access/"))


@pytest.mark.parametrize("kind", ["4:4711", "4:anonymous", "28:orgid:1-2", "8:echo123", "29:x"])
def test_every_kind_of_id_can_be_searched(place: Place, kind: str) -> None:
    folder = place.keeps("rec-1", kind)
    place.rebuilds()
    assert place.finds(kind) == [folder]


def test_a_search_is_in_the_access_log_with_who_and_why(place: Place) -> None:
    folder = place.keeps("rec-1", ANA)
    place.rebuilds()
    ended = place.run("subjects", "find", "-", "--by", "dpo-1", "--reason", "asked", input=ANA)
    assert ended.exit_code == 0, ended.output
    assert folder in ended.stdout
    assert "1 recording of this person in main." in ended.stdout
    [record] = AccessLog(place.archive, None).records()
    assert (record.action, record.by, record.reason) == (AccessAction.FOUND, "dpo-1", "asked")
    assert record.authenticated_as.startswith("cli:")
    assert record.participant == participant_hash(ANA, "first key")
    assert ANA not in record.model_dump_json()
    assert verify_archive(place.archive, Keyring([SIGNER.public])).ok


def test_nobody_is_found_without_an_archive_or_in_an_unknown_one(
    place: Place, tmp_path: Path
) -> None:
    assert "None in main." in place.run("subjects", "find", ANA).stdout
    with pytest.raises(ConfigurationError, match="there is no archive 'mian'"):
        place.run("subjects", "find", ANA, "--archive", "main", "--archive", "mian")
    assert len(list(place.archive.names("access/"))) == 1
    place.config.write_text("")
    for words in (("subjects", "find", ANA), ("index", "check"), ("index", "rebuild")):
        with pytest.raises(ConfigurationError, match="no archive in the configuration"):
            place.run(*words)


def test_a_damaged_and_a_planted_entry_are_told_and_mended(place: Place) -> None:
    one, two = place.keeps("rec-1", ANA), place.keeps("rec-2", ANA)
    place.keeps("rec-3", PHONE)
    assert "3 written" in place.rebuilds()
    names = list(place.archive.names(SUBJECTS_PREFIX))
    damaged = next(each for each in names if participant_hash(ANA, "first key") in each)
    content = b"".join(place.archive.read(damaged))
    (place.archive._root / damaged).write_bytes(content[:50])
    planted = next(each for each in names if participant_hash(PHONE, "first key") in each)
    changed = b"".join(place.archive.read(planted)).replace(
        participant_hash(PHONE, "first key").encode(), participant_hash(ANA, "first key").encode()
    )
    theirs = f"{folder_of(damaged)}/{planted.rpartition('/')[2]}"
    (place.archive._root / theirs).write_bytes(changed)

    ended = place.run("subjects", "find", ANA, "--json")
    assert ended.exit_code == 1
    [found] = json.loads(ended.stdout)
    assert len(found["recordings"]) == 1
    assert {each["objectName"] for each in found["faults"]} == {damaged, theirs}
    shown = place.run("subjects", "find", ANA)
    assert (shown.exit_code, "callvault index rebuild" in shown.stderr) == (1, True)

    assert {each["object"] for each in checked(place)} == {damaged, theirs}
    assert "1 replaced, 1 removed" in place.rebuilds()
    assert checked(place) == []
    assert place.finds(ANA) == sorted([one, two])


def checked(place: Place) -> list[dict[str, Any]]:
    ended = place.run("index", "check", "--json")
    *problems, summary = map(json.loads, ended.stdout.splitlines())
    assert ended.exit_code == (1 if problems else 0)
    assert summary["problems"] == len(problems)
    return problems


def test_after_a_new_key_sealed_hashes_are_found_by_the_earlier_one(place: Place) -> None:
    one = place.keeps("rec-1", ANA)
    two = place.keeps("rec-2", PHONE, stays=(participant_hash(ANA, "first key"),))
    place.rebuilds()
    place.uses("second key", "first key")
    # Before the rebuild, too: the index by the earlier key is still there.
    assert place.finds(ANA) == sorted([one, two])
    place.rebuilds()
    assert place.finds(ANA) == sorted([one, two])
    assert place.finds(participant_hash(ANA, "second key")) == [one]
    assert place.finds(participant_hash(ANA, "first key")) == [two]
    place.uses("second key")
    assert place.finds(ANA) == [one]


def test_a_search_may_be_bound_to_days(place: Place) -> None:
    folder = place.keeps("rec-1", ANA)
    place.rebuilds()
    for words in (["--since", "2026-03-02"], ["--until", "2026-03-02"]):
        assert place.finds(ANA, *words) == [folder]
    assert place.finds(ANA, "--since", "2026-03-03") == []
    assert place.finds(ANA, "--until", "2026-03-01") == []
    with pytest.raises(InvalidRequest, match="no day is between"):
        place.run("subjects", "find", ANA, "--since", "2026-03-03", "--until", "2026-03-02")


def test_a_day_to_go_on_from_is_a_date(place: Place) -> None:
    place.keeps("rec-1", ANA)
    assert place.run("index", "rebuild", "--since", "yesterday").exit_code == 2
    later = place.run("index", "rebuild", "--since", "2026-03-03")
    assert (later.exit_code, "entries: none" in later.stdout) == (0, True)
    same = place.run("index", "rebuild", "--since", "2026-03-02")
    assert "1 written" in same.stdout
    assert "2026-03-02 were compared" in same.stderr


def test_a_check_changes_nothing(place: Place) -> None:
    place.keeps("rec-1", ANA)
    assert len(checked(place)) == 1
    assert not list(place.archive.names(SUBJECTS_PREFIX))
    place.rebuilds()
    [name] = place.archive.names(SUBJECTS_PREFIX)
    remove(place.archive, name)
    assert "it is missing" in checked(place)[0]["problem"]
