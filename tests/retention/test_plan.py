"""Does a plan name everything that is erased, nothing else, and what is held back and why?"""

import gc
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

import pytest

from callvault.archive.manifests.holds import Said, place_hold
from callvault.archive.store import put_bytes
from callvault.contracts.erasures import ErasurePlan, ErasureTarget
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.retention import AtEnd, OnErasure, RetentionTerms
from callvault.errors import BrokenContent
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
