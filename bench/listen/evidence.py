"""What is left of a call: the emulator's truth, the archived files, and the signed manifests.

Read as anybody would read them: the archive is a directory, its documents are JSON.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench.listen import laws
from bench.listen.hearing import NotAudible, hear
from bench.listen.record import Interval, Played, Recording

SETTLE_TIMEOUT = 90.0
"""Seconds from the end of a call until its files and manifests lie in the archive."""
POLL_INTERVAL = 0.5
_OVER = ("ready", "none", "failed")

Json = dict[str, Any]


async def gather(played: Played, archive: Path, control: str, http: httpx.AsyncClient) -> None:
    """Fill in the recordings of a call, once all of their files are archived."""
    end = time.monotonic() + SETTLE_TIMEOUT
    while True:
        truth = (await http.get(f"{control}/calls/{played.call_id}")).json()
        played.voices = {each["rawId"]: n for n, each in enumerate(truth["participants"])}
        played.recordings = await asyncio.to_thread(_recordings, truth, archive)
        is_over = all(each["media"] in _OVER for each in truth["recordings"])
        is_there = not any(each.problem for each in played.recordings)
        # A manifest of what an event told of may be followed by one of what was asked for.
        is_final = is_over and is_there and not laws.broken(played)
        if is_final or time.monotonic() > end:
            return
        await asyncio.sleep(POLL_INTERVAL)


def _recordings(truth: Json, archive: Path) -> list[Recording]:
    manifests = {
        manifest["recording"]["recordingId"]: manifest
        for manifest in _manifests(archive, truth["callId"])
    }
    return [
        _recording(each, manifests.get(each["recordingId"]), archive)
        for each in truth["recordings"]
    ]


def _manifests(archive: Path, call_id: str) -> Iterator[Json]:
    """Yield the manifests of a call, of each recording the newest last."""
    found = list(archive.glob(f"recordings/*/*/*/{call_id}/*/manifest*.json"))
    # A recording of which nothing told the callId lies under another name.
    found += archive.glob("recordings/*/*/*/_server-call*/*/manifest*.json")
    manifests = [json.loads(path.read_bytes()) for path in found]
    yield from sorted(manifests, key=lambda manifest: _seconds(manifest["sealedAt"]))


def _recording(truth: Json, manifest: Json | None, archive: Path) -> Recording:
    recording = Recording(
        truth["recordingId"], _seconds(truth["activeAt"]), _seconds(truth["endedAt"])
    )
    if manifest is not None:
        recording.silent, recording.marked = claims(manifest)
    if truth["media"] == "ready":
        recording.problem = _listen(recording, truth, manifest, archive)
    elif truth["media"] == "failed":
        recording.problem = "the emulator could not render it"
    return recording


def _listen(recording: Recording, truth: Json, manifest: Json | None, archive: Path) -> str:
    """Listen to all files of a recording; return why that is not possible."""
    if manifest is None:
        return "it has a file and no manifest"
    archived = {each["documentId"]: each["media"] for each in manifest["chunks"]}
    for chunk in truth["chunks"]:
        media = archived.get(chunk["documentId"])
        if not media:
            return f"its file {chunk['documentId']} was not archived"
        try:
            recording.heard += hear((archive / media["objectName"]).read_bytes())
        except NotAudible as error:
            return str(error)
    return ""


def claims(manifest: Json) -> tuple[list[Interval], list[Interval]]:
    """Return the times that a manifest calls silent, and those that it marks."""
    silence = manifest["silence"]
    silent = [_interval(each, each.get("proof", "")) for each in silence["silent"]]
    marks = [_interval(each, each.get("reason", "")) for each in silence["unconfirmed"]]
    return silent, marks + [_interval(each, "to be deleted") for each in manifest["marked"]]


def _interval(told: Json, why: str) -> Interval:
    until = told.get("until")
    return Interval(_seconds(told["since"]), _seconds(until) if until else float("inf"), why)


def _seconds(moment: str | None) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else float("inf")
