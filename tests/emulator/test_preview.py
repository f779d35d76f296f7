"""The 2021-06-15 preview: other paths, 200 everywhere, flat errors."""

from urllib.parse import quote

from tests.emulator.stage import Acs, StagedCall

VERSION = "api-version=2021-06-15-preview"


def test_the_preview_records_a_call(acs: Acs) -> None:
    call = StagedCall(acs)
    base = f"/calling/serverCalls/{quote(call.server_call_id, safe='')}/recordings"
    started = acs.send("POST", f"{base}?{VERSION}", {"recordingStateCallbackUri": "https://a/b"})
    assert started.status_code == 200
    assert list(started.json()) == ["recordingId"]
    one = f"{base}/{started.json()['recordingId']}"
    call.lasts(0.2)
    assert acs.send("GET", f"{one}?{VERSION}").json() == {"recordingState": "active"}
    assert acs.send("POST", f"{one}/:pause?{VERSION}").status_code == 200
    assert acs.send("GET", f"{one}?{VERSION}").json() == {"recordingState": "inactive"}
    assert acs.send("POST", f"{one}/:resume?{VERSION}").status_code == 200
    assert acs.send("DELETE", f"{one}?{VERSION}").status_code == 200
    gone = acs.send("GET", f"{one}?{VERSION}")
    assert gone.status_code == 404
    assert gone.json() == {"code": "8522", "message": "Recording not found."}


def test_a_recording_of_another_call_is_not_found(acs: Acs) -> None:
    recording = StagedCall(acs).is_recorded()
    other = quote(StagedCall(acs).server_call_id, safe="")
    target = f"/calling/serverCalls/{other}/recordings/{recording}?{VERSION}"
    assert acs.send("GET", target).status_code == 404


def test_the_preview_path_wants_the_preview_version(acs: Acs) -> None:
    answer = acs.send("GET", "/calling/serverCalls/x/recordings/y?api-version=2026-03-12")
    assert answer.status_code == 400
    assert answer.json()["code"] == "UnsupportedApiVersionValue"
