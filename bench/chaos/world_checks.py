"""Promises about a world that goes back and forth: restores, places, keys and clocks.

Read from the archive's own documents and compared with the emulator's record, with no code of
Callvault.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.chaos.alarm_receiver import OVERLAP
from bench.chaos.history import History
from bench.chaos.proxy import RefusedAlarm
from bench.chaos.rotation import SigningKey
from bench.chaos.violations import Violation
from bench.chaos.world import Restore

SET_BACK = "the archive was set back, after the service's copy had been deleted"
"""Cause of a loss that the harness itself made."""
WITHDRAWN = (
    "the service's own account tells of sound in them",
    "the files play longer than they can, were all of them true",
)
"""Reasons of a manifest for a silence that was claimed and is not any more."""
FRAME = 0.3
"""Seconds by which the service's account of a pause is rounded, at either end."""


@dataclass(frozen=True)
class WorldFacts:
    """What was done to the world, and what was said of it."""

    restores: list[Restore] = field(default_factory=list)
    intruders: list[str] = field(default_factory=list)
    refused_alarms: list[RefusedAlarm] = field(default_factory=list)
    signing_keys: list[SigningKey] = field(default_factory=list)
    named_missing: set[str] = field(default_factory=set)
    """The recordings that `callvault reconcile` names as not complete."""
    failed_commands: list[str] = field(default_factory=list)
    interruptions: list[tuple[float, float]] = field(default_factory=list)
    """The times in which a workflow task could be lost after it had asked ACS for something."""
    ended_runs: set[str] = field(default_factory=set)
    """The runs that the operator had to end after a restore, as the runbook says."""

    @property
    def taken(self) -> set[str]:
        """The documents that the archive had, and no longer had after a restore."""
        return {document for each in self.restores for document in each.taken}

    def set_runs_back(self, began: float) -> bool:
        """Tell if Temporal forgot something of a run that began then."""
        return any(began <= at for _, at in self.forgotten)

    @property
    def forgotten(self) -> list[tuple[float, float]]:
        """The times of which Temporal forgot everything, in seconds since the epoch."""
        return [(each.to, each.at) for each in self.restores if each.has_database]

    def was_set_back(self, began: float, ended: float) -> bool:
        """Tell if Temporal forgot something of a call with these times (0: it has not ended)."""
        return any(began <= at and (not ended or ended >= to) for to, at in self.forgotten)


def world_violations(world: WorldFacts, history: History) -> Iterator[Violation]:
    """Yield the promises that were broken."""
    for name in world.intruders:
        yield Violation(0, f"{name} was written where the archive was not mounted")
    for alarm in world.refused_alarms:
        yield Violation(0, f"an alarm was not believed: {alarm.why}")
    for command in world.failed_commands:
        yield Violation(0, f"the runbook could not be followed: {command}")
    yield from _sealed_twice(history)
    yield from _signed_with_old_keys(world.signing_keys, history)
    yield from _untrue_silence(history)
    yield from _withdrawn_silence(world, history)


def _manifests(history: History) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, each) for name, each in history.documents.items() if name.startswith("recordings/")
    ]


def _sealed_twice(history: History) -> Iterator[Violation]:
    links: dict[str, str] = {}
    for name, link in sorted(history.documents.items()):
        if name.startswith("manifests/"):
            manifest = link["manifest"]["objectName"]
            if manifest in links:
                yield Violation(0, f"{manifest} is sealed twice: by {links[manifest]} and {name}")
            links[manifest] = name


def _signed_with_old_keys(keys: list[SigningKey], history: History) -> Iterator[Violation]:
    for name, manifest in _manifests(history):
        sealed_at = _seconds(manifest["sealedAt"])
        valid = [key for key in keys if key.since <= sealed_at]
        newest = max(valid, key=lambda key: key.since, default=None)
        if newest is None or sealed_at < newest.since + OVERLAP:
            continue
        signature = manifest["signature"] or {"keyId": "no key"}
        if signature["keyId"] != newest.key_id:
            late = sealed_at - newest.since
            yield Violation(0, f"{name} was signed with a key that was replaced {late:.0f} s ago")


def _untrue_silence(history: History) -> Iterator[Violation]:
    """Yield each claim of silence for a time in which the service recorded."""
    for name, manifest, scenario, truth in _with_truths(history):
        for claim in manifest["silence"]["silent"]:
            seconds = _recorded_within(claim, truth)
            if seconds > FRAME:
                yield Violation(scenario, f"{name} claims silence, and {seconds:.1f} s are heard")


def _withdrawn_silence(world: WorldFacts, history: History) -> Iterator[Violation]:
    """Yield each claim that stood until the service's own account contradicted it, rightly.

    A claim beside an interruption is not counted: what a lost workflow task had asked of ACS is not
    known until it is asked again.
    """
    for name, manifest, scenario, truth in _with_truths(history):
        for claim in manifest["silence"].get("unconfirmed", ()):
            seconds = _recorded_within(claim, truth) if claim["reason"] in WITHDRAWN else 0.0
            if seconds > FRAME and not _is_interrupted(claim, truth, world):
                what = f"{name} had to withdraw a silence: {seconds:.1f} s are heard in it"
                yield Violation(scenario, what)


def _is_interrupted(claim: Any, truth: Any, world: WorldFacts) -> bool:
    since, until = _seconds(claim["since"]), _seconds(claim["until"] or truth["endedAt"])
    return any(begin <= until and since <= end for begin, end in world.interruptions)


def _with_truths(history: History) -> Iterator[tuple[str, Any, int, Any]]:
    """Yield each manifest with its name, and the emulator's record of its recording."""
    truths = {
        recording["recordingId"]: (scenario, recording)
        for scenario, truth in history.truths.items()
        for recording in truth["recordings"]
        if "recordingId" in recording
    }
    for name, manifest in _manifests(history):
        scenario, truth = truths.get(manifest["recording"]["recordingId"], (0, None))
        if truth is not None:
            yield name, manifest, scenario, truth


def _recorded_within(claim: dict[str, Any], truth: dict[str, Any]) -> float:
    """Return the seconds of a claim in which the recording was on, and not paused."""
    active, over = _seconds(truth["activeAt"]), _seconds(truth["endedAt"])
    begin = max(_seconds(claim["since"]), active)
    end = min(_seconds(claim["until"]) if claim["until"] else over, over)
    quiet = 0.0
    for pause in truth["pausedIntervals"]:
        since = _seconds(pause["startTime"])
        until = since + pause["duration"] / 1000
        quiet += max(min(end, until) - max(begin, since), 0.0)
    return max(end - begin, 0.0) - quiet


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
