"""Does a plan name everything that is erased, nothing else, and what is held back and why?"""

import gc
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from callvault.archive.manifests.holds import Said, place_hold
from callvault.archive.store import Archive, put_bytes
from callvault.contracts.erasures import (
    MAX_REASON,
    ErasurePlan,
    ErasureTarget,
    PlannedLetter,
    PlannedRecording,
)
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.retention import AtEnd, OnErasure, RetentionTerms
from callvault.errors import BrokenContent
from callvault.retention import plan as plan_module
from callvault.retention.inventory import Inventory
from callvault.retention.judgement import Circumstances
from callvault.retention.plan import plan
from tests.archive.sealed import SIGNER

from .corpus import HASH, NOW, Corpus, event, folders

ANA, BEN, CLEO = "8:acs:ana", "4:+49301234567", "8:orgid:cleo"
DAY = timedelta(days=1)
OF_ANA = ErasureTarget(participant=HASH(ANA))
OF_ALL = ErasureTarget()


def planned(
    corpus: Corpus, target: ErasureTarget = OF_ANA, opened: tuple[str, ...] = ()
) -> ErasurePlan:
    return made(corpus, target, opened)[0]


def made(
    corpus: Corpus, target: ErasureTarget = OF_ANA, opened: tuple[str, ...] = ()
) -> tuple[ErasurePlan, str]:
    found = plan(corpus.places, target, frozenset(opened).intersection, NOW)
    return found.plan, found.token


def erased(found: ErasurePlan) -> list[tuple[str, str]]:
    return [(each.archive, each.folder) for each in found.erasable]


def test_a_person_s_recordings_are_planned_in_every_archive_and_no_others(corpus: Corpus) -> None:
    hers = [corpus.keep(ANA, BEN), corpus.keep(ANA), corpus.keep(ANA, archive="fallback")]
    corpus.keep(BEN)
    found = planned(corpus)
    assert erased(found) == folders(hers)
    first = next(each for each in found.recordings if each.folder == hers[0].folder)
    assert (first.objects, first.verdict) == (3, "erase")
    assert first.index_entries == 4, "hers and his, by manifest and by metadata file"
    assert first.workflows == (hers[0].workflow_id,)
    assert planned(corpus, ErasureTarget(participant=HASH(CLEO))).recordings == ()


def test_one_recording_is_planned_by_its_id(corpus: Corpus) -> None:
    corpus.keep(ANA)
    kept = corpus.keep(ANA)
    found = planned(corpus, ErasureTarget(recording_id=kept.recording_id))
    assert erased(found) == folders([kept])


def test_what_stands_against_it_is_told_with_its_reason(corpus: Corpus) -> None:
    held, opened, retained, free = (
        corpus.keep(ANA),
        corpus.keep(ANA),
        corpus.keep(ANA, retention=30 * DAY),
        corpus.keep(ANA),
    )
    # A hold counts wherever it was placed.
    place_hold(
        corpus.archives["fallback"],
        HoldTarget(recording_id=held.recording_id),
        Said("counsel-1", "case 7"),
        SIGNER,
        lambda: NOW,
    )
    found = planned(corpus, opened=(opened.workflow_id,))
    assert erased(found) == folders([free])
    reasons = {each.folder: (each.verdict, each.reason) for each in found.recordings}
    assert reasons[held.folder][0] == "held"
    assert "case 7" in reasons[held.folder][1]
    assert reasons[opened.folder] == (
        "refused",
        "its call's workflow is still open and may archive more of it",
    )
    assert reasons[retained.folder][0] == "refused"
    assert "its retention runs until 2026-04-01" in reasons[retained.folder][1]


def test_the_terms_are_those_of_the_recording_s_resource(corpus: Corpus) -> None:
    corpus.keep(ANA)
    corpus.terms["default"] = RetentionTerms(retention=30 * DAY)
    assert erased(planned(corpus)) == []
    corpus.terms["default"] = RetentionTerms(retention=30 * DAY, on_erasure=OnErasure.ERASE)
    assert len(erased(planned(corpus))) == 1
    del corpus.terms["default"]
    assert erased(planned(corpus)) == []


def test_what_is_over_is_due_where_the_settings_say_so(corpus: Corpus) -> None:
    kept = corpus.keep(ANA)
    corpus.keep(BEN, retention=30 * DAY)
    assert erased(planned(corpus, OF_ALL)) == []
    corpus.terms["default"] = RetentionTerms(retention=DAY, at_end=AtEnd.ERASE)
    assert erased(planned(corpus, OF_ALL)) == folders([kept])


def test_a_plan_is_bounded_and_tells_what_is_beyond_it(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callvault.retention.plan.MAX_PLANNED", 2)
    monkeypatch.setattr("callvault.retention.plan.MAX_KEPT", 1)
    for _ in range(3):
        corpus.keep(ANA)
        corpus.keep(BEN, retention=30 * DAY)
    corpus.terms["default"] = RetentionTerms(retention=DAY, at_end=AtEnd.ERASE)
    found = planned(corpus, OF_ALL)
    assert (len(found.erasable), found.left_over) == (2, 1)
    assert (len(found.recordings), found.kept_more) == (3, 2)


async def test_a_plan_of_the_longest_ids_and_reasons_is_carried_by_temporal(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payload has 2 MiB at most."""

    def seen(number: int) -> Inventory:
        return Inventory("main", f"recordings/2026/11/30/{number:036}/x", (), (), ())

    def judged(archive: Archive, inventory: Inventory, around: Circumstances) -> PlannedRecording:
        erases = int(inventory.folder.split("/")[4]) % 3 > 0
        return PlannedRecording(
            archive="main",
            folder=inventory.folder,
            erases=erases,
            verdict="due" if erases else "held",
            reason="its retention is over" if erases else "\u00fc" * MAX_REASON,
            objects=3,
            size=10**7,
            content="0" * 64,
            ids=("i" * 500, "j" * 500),
        )

    letters = [
        PlannedLetter(place="dead letters", name=f"{n:01000}", erases=True, reason="tells of it")
        for n in range(1_000)
    ]
    monkeypatch.setattr(plan_module, "_inventories", lambda *_: map(seen, range(3_000)))
    monkeypatch.setattr(plan_module, "judge", judged)
    monkeypatch.setattr(plan_module, "_letters", lambda *_: (letters, []))
    found = plan(corpus.places, OF_ALL, lambda _: frozenset(), NOW)
    (payload,) = await pydantic_data_converter.encode([found])
    assert len(payload.data) < 1_900_000
    goes, stays = found.plan.erasable, len(found.plan.recordings) - len(found.plan.erasable)
    assert (len(goes) + found.plan.left_over, stays + found.plan.kept_more) == (2_000, 1_000)
    assert len(goes) > 600
    assert stays > 200
    letters_left = len(letters) - len(found.plan.letters)
    assert 200 < letters_left < 800
    assert found.plan.not_searched[0].startswith(f"{letters_left} more letters tell of it")


def test_a_plan_names_a_hold_whose_reason_is_long(corpus: Corpus) -> None:
    kept = corpus.keep(ANA)
    hold = place_hold(
        corpus.archives["main"],
        HoldTarget(recording_id=kept.recording_id),
        Said("counsel " * 125, "case 7 " * 140),
        SIGNER,
        lambda: NOW,
    )
    (found,) = planned(corpus).recordings
    assert (found.erases, found.verdict) == (False, "held")
    assert "case 7" in found.reason
    assert f"(hold {hold.id}, by counsel" in found.reason
    assert found.reason.endswith(")")


def test_one_recording_goes_however_long_its_ids_are(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callvault.retention.plan.MAX_PLANNED_SIZE", 1)
    monkeypatch.setattr("callvault.retention.plan.MAX_SIZE", 1)
    corpus.keep(ANA)
    corpus.keep(ANA)
    found = planned(corpus)
    assert (len(found.erasable), found.left_over) == (1, 1)


def test_a_plan_takes_no_more_memory_for_an_archive_that_is_twice_as_large(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callvault.retention.plan.MAX_PLANNED", 2)
    monkeypatch.setattr("callvault.retention.plan.MAX_KEPT", 2)
    corpus.terms["default"] = RetentionTerms(retention=DAY, at_end=AtEnd.ERASE)

    def peak() -> int:
        for _ in range(15):
            corpus.keep(ANA)
            corpus.keep(BEN, retention=30 * DAY)
        planned(corpus, OF_ALL)  # whatever is cached
        gc.collect()
        tracemalloc.start()
        found = planned(corpus, OF_ALL)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        seen = len(found.recordings) + found.left_over + found.kept_more
        assert seen == len(corpus.kept)
        return most

    first, second = peak(), peak()
    assert second - first < 30 * 8_192, "a manifest that is kept takes five times as much"


def test_of_what_is_not_due_the_manifests_alone_are_read(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.keep(ANA)
    corpus.keep(BEN, retention=30 * DAY)
    corpus.terms["default"] = RetentionTerms(retention=DAY, at_end=AtEnd.ERASE)
    archive, read = corpus.archives["main"], []
    was_read = archive.read

    def reading(object_name: str, **part: int) -> Iterator[bytes]:
        read.append(object_name)
        return was_read(object_name, **part)

    monkeypatch.setattr(archive, "read", reading)
    planned(corpus, OF_ALL)
    metadata = [name for name in read if name.endswith(".metadata.json")]
    assert {name.split("/")[-2] for name in metadata} == {"rec-0"}


def test_a_plan_has_the_same_token_until_what_it_says_changes(corpus: Corpus) -> None:
    kept = corpus.keep(ANA)
    found, token = made(corpus)
    assert made(corpus)[1] == token
    assert made(corpus, opened=(kept.workflow_id,))[1] != token
    corpus.keep(BEN)
    assert made(corpus)[1] == token, "it is none of hers"
    put_bytes(
        corpus.archives["main"],
        f"{kept.folder}/0007-late.wav",
        b"late",
        content_type="audio/wav",
        metadata={},
    )
    assert made(corpus)[1] != token
    assert found.recordings[0].objects + 1 == planned(corpus).recordings[0].objects


def test_letters_that_tell_of_what_is_erased_go_unless_others_would_be_lost(
    corpus: Corpus,
) -> None:
    hers, his = corpus.keep(ANA), corpus.keep(BEN)
    corpus.letter("about-her-call", event(hers))
    corpus.letter("her-and-his", event(hers), event(his))
    corpus.letter("delivered", event(hers), event(his), delivered=True)
    corpus.letter("names-her", event(his, ANA))
    corpus.letter("names-her-delivered", event(his, ANA.upper()), delivered=True)
    corpus.letter("his", event(his))
    (corpus.quarantine / "garbage.event").write_bytes(b"{not json " + hers.recording_id.encode())
    (corpus.quarantine / "other.event").write_bytes(b"{not json rec-00")
    found = {each.name.removesuffix(".event"): each for each in planned(corpus).letters}
    assert {name for name, each in found.items() if each.erases} == {
        "about-her-call",
        "delivered",
        "names-her-delivered",
    }
    kept = {name: each.reason for name, each in found.items() if not each.erases}
    assert set(kept) == {"her-and-his", "names-her", "garbage"}
    assert "callvault sweep" in kept["her-and-his"]
    assert "not understood" in kept["garbage"]


def test_a_place_that_cannot_be_searched_is_told(corpus: Corpus) -> None:
    corpus.keep(ANA)
    corpus.quarantine.rename(corpus.root / "away")
    assert "quarantine" in planned(corpus).not_searched[0]


def test_a_damaged_manifest_stops_the_plan(corpus: Corpus) -> None:
    kept = corpus.keep(ANA)
    manifest = corpus.root / "main" / kept.folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    with pytest.raises(BrokenContent, match="is no manifest any more"):
        planned(corpus)


def test_an_entry_of_the_index_whose_recording_is_gone_plans_nothing(corpus: Corpus) -> None:
    kept = corpus.keep(ANA)
    for path in (corpus.root / "main" / kept.folder).iterdir():
        path.unlink()
    assert planned(corpus).recordings == ()
