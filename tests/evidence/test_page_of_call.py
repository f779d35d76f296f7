"""The page of a call whose workflows answer: what is sealed from its archive, or what is known."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from callvault.archive.identity import make_identity
from callvault.archive.manifests.duties import duties_of
from callvault.archive.stores.directory import DirectoryArchive
from callvault.cli.actions.evidence_page import PageOrder, reader_of, tell, write_evidence
from callvault.config.settings import load_settings
from callvault.contracts.states import RecordingState
from callvault.contracts.status import CallStatus, RecordingStatus
from callvault.errors import InvalidRequest
from callvault.recorded_evidence import EvidenceReader
from tests.archive.sealed import SERVER_CALL, lost, paused, recording

from .calls import KEY, hashed, pieces_of, sealed_call
from .test_page import Elements, page_of


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", tmp_path / "archive")
    make_identity(archive, None, datetime.now(UTC))
    return archive


@pytest.fixture
def reader(archive: DirectoryArchive, tmp_path: Path) -> EvidenceReader:
    secret = tmp_path / "participants.key"
    secret.write_text(KEY)
    file = tmp_path / "callvault.toml"
    file.write_text(
        f'[participants]\nkey = "file:{secret}"\n[archives.main]\nkind = "directory"\n'
        f'path = "{tmp_path / "archive"}"\n'
    )
    return reader_of(load_settings(file))


def call_of(*recordings: RecordingStatus) -> CallStatus:
    return CallStatus(server_call_id=SERVER_CALL, resource="default", recordings=list(recordings))


def test_a_sealed_recording_is_read_from_its_archive(
    archive: DirectoryArchive, reader: EvidenceReader
) -> None:
    found = sealed_call(archive)
    (facts,) = reader.of_call([call_of(recording(recording_id="rec-1", sealed=found))])
    assert facts.sha256 == found.sha256
    assert facts.report is not None
    assert facts.report.ok
    assert {each.participant for each in facts.members} >= {hashed("8:acs:anna")}


def test_what_is_not_sealed_yet_is_shown_and_not_proven(
    archive: DirectoryArchive, reader: EvidenceReader
) -> None:
    on = recording(
        pieces_of(archive),
        lost(1, "the service deleted it"),
        state=RecordingState.ARCHIVING,
        pauses=[paused()],
    )
    (facts,) = reader.of_call([call_of(on)])
    assert facts.report is None
    text = Elements(page_of(facts)).text
    assert "Not sealed yet: nothing is proven." in text
    assert "card number" in text
    assert "LOST: the service deleted it" in text
    assert "Nothing is sealed yet, so nothing can be verified." in text
    assert facts.manifest.chunks[0].media
    assert duties_of(facts.manifest) == ()


def test_of_several_workflows_the_one_that_sealed_counts(
    archive: DirectoryArchive, reader: EvidenceReader
) -> None:
    found = sealed_call(archive)
    early = call_of(recording(recording_id="rec-1"), recording(recording_id="rec-2", number=2))
    late = call_of(recording(recording_id="rec-1", sealed=found))
    facts = reader.of_call([early, late])
    assert [each.manifest.recording.recording_id for each in facts] == ["rec-1", "rec-2"]
    assert [each.report is not None for each in facts] == [True, False]


def test_a_call_without_a_recording_has_no_page(
    archive: DirectoryArchive,
    reader: EvidenceReader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "callvault.cli.actions.evidence_page.with_client", lambda config, ask: [call_of()]
    )
    order = PageOrder(tmp_path / "page.html", "call", None, None, "officer-1")
    with pytest.raises(InvalidRequest, match="no recording in this call yet"):
        write_evidence(order, tmp_path / "callvault.toml")
    assert not (tmp_path / "page.html").exists()


def test_the_page_of_a_call_holds_all_of_its_recordings(
    archive: DirectoryArchive,
    reader: EvidenceReader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = sealed_call(archive)
    call = call_of(
        recording(recording_id="rec-1", sealed=found), recording(recording_id="rec-2", number=2)
    )
    monkeypatch.setattr(
        "callvault.cli.actions.evidence_page.with_client", lambda config, ask: [call]
    )
    page = tmp_path / "page.html"
    order = PageOrder(page, "call", None, None, "officer-1")
    facts = write_evidence(order, tmp_path / "callvault.toml")
    assert tell(page, facts, as_json=False)
    text = Elements(page.read_text()).text
    assert text.count("Recording id") == 2
