"""The mutants: decisions of the workflow that are changed, one line each."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """A line of a file, and what stands there instead."""

    path: str
    old: str
    new: str

    @property
    def name(self) -> str:
        """Name it for the command: its place in the list."""
        return str(MUTANTS.index(self))

    @property
    def module(self) -> str:
        """The name of the module that is changed."""
        return self.path.removesuffix(".py").replace("/", ".")

    @property
    def source(self) -> str:
        """Return the file with the changed line; `ValueError` unless the line stands there once."""
        lines = (ROOT / self.path).read_text().splitlines()
        found = [at for at, line in enumerate(lines) if line.strip() == self.old]
        if len(found) != 1:
            raise ValueError(f"{self.path} has {len(found)} times: {self.old}")
        line = lines[found[0]]
        lines[found[0]] = line[: len(line) - len(line.lstrip())] + self.new
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return f"{self.path}: {self.old}  ->  {self.new}"


MUTANTS = (
    Mutant(
        "workflows/call/lifecycle.py",
        "self.in_flight = command",
        "self.in_flight = command; it = self.recording(command.recording);"
        ' it.actual = {"pause": Actual.PAUSED}.get(command.operation, it.actual)',
    ),
    Mutant(
        "workflows/call/consent_holds.py",
        "_ask(Operation.PAUSE, request, recording, requests, now)",
        "pass",
    ),
    Mutant(
        "workflows/loops/control.py",
        "acs_answers.retry_start(self._call, recording, now, is_denied=is_denied)",
        "self._call.in_flight = None",
    ),
    Mutant(
        "workflows/call/presence.py",
        "return {presence.participant for presence in status.participants if presence.in_call}",
        'return {"a" * 64}',
    ),
    Mutant(
        "workflows/call/presence.py",
        "return {p.participant for p in status.participants if p.in_call and not p.may_have_left}",
        "return {p.participant for p in status.participants if p.in_call}",
    ),
    Mutant(
        "workflows/call/presence.py",
        "if presence.in_call and not presence.connection:",
        "if False:",
    ),
    Mutant(
        "workflows/call/consent.py",
        "return _lacking_by_policy(status, terms) or _objecting(status)",
        "return _lacking_by_policy(status, terms)",
    ),
    Mutant(
        "workflows/call/consent.py",
        "return refused - presence.gone(status)",
        "return refused & presence.perhaps_here(status)",
    ),
    Mutant(
        "workflows/call/consent.py",
        "return (record.participant, record.given) == (decision.participant, decision.given)",
        "return True",
    ),
    Mutant(
        "workflows/call/consent.py",
        "return at > min(withdrawal.received_at, withdrawal.decided_at + MAX_CLOCK_DIFFERENCE)",
        "return at >= min(withdrawal.received_at, withdrawal.decided_at + MAX_CLOCK_DIFFERENCE)",
    ),
    Mutant(
        "workflows/call/consent.py",
        "return at > min(withdrawal.received_at, withdrawal.decided_at + MAX_CLOCK_DIFFERENCE)",
        "return at > withdrawal.decided_at",
    ),
    Mutant(
        "workflows/call/consent_holds.py",
        '_end_hold(recording, "consent is given", now)',
        'recording.wanted = Wanted.ACTIVE; _end_hold(recording, "consent is given", now)',
    ),
    Mutant(
        "workflows/call/consent_gate.py",
        "is_open = recording.is_held and recording.consented_at is None",
        "is_open = recording.is_held",
    ),
    Mutant(
        "workflows/call/request_records.py",
        "elif _is_overtaken(record, recording):",
        "elif False:",
    ),
    Mutant(
        "workflows/loops/timers.py",
        "source.act(now)",
        "pass",
    ),
    Mutant(
        "workflows/call/guards.py",
        "if record.operation == Operation.PAUSE and not record.is_overdue:",
        "if False:",
    ),
    Mutant(
        "workflows/call/silence.py",
        "return quiet_from is None or sent_at >= quiet_from",
        "return True",
    ),
    Mutant(
        "workflows/call/silence.py",
        "interval = _claimed_at(recording, sent_at, received_at)",
        "interval = None",
    ),
    Mutant(
        "workflows/call/silence.py",
        "sent = (at for at in known if at and at <= sent_at)",
        "sent = iter([sent_at])",
    ),
    Mutant(
        "workflows/call/intervals.py",
        "yield from _span(since, min(span.since, whole.until))",
        "pass",
    ),
    Mutant(
        "workflows/call/commands.py",
        "return Operation.START if recording.may_begin else None",
        "return Operation.START",
    ),
    Mutant(
        "callvault/contracts/status.py",
        "return Wanted.PAUSED if self.is_held and self.wanted is Wanted.ACTIVE else self.wanted",
        "return self.wanted",
    ),
    Mutant(
        "callvault/contracts/status.py",
        "return not (self.waits_for_consent or self.is_paused_before_start or unannounced)",
        "return not (self.waits_for_consent or self.is_paused_before_start)",
    ),
    Mutant(
        "workflows/call/refusals.py",
        "if operation is Operation.RESUME and current.is_held:",
        "if False:",
    ),
    Mutant(
        "workflows/call/refusals.py",
        "if operation is not Operation.STOP and _is_final(operation, current):",
        "if False:",
    ),
    Mutant(
        "workflows/call/refusals.py",
        "if current is not None and current.wanted is not Wanted.STOPPED:",
        "if False:",
    ),
    Mutant(
        "workflows/call/consent_holds.py",
        "if not lacking and (recording.is_held or recording.consented_at is None):",
        "if False:",
    ),
    Mutant(
        "workflows/call/deletion_marks.py",
        "silent_since = None if may_record else _silent_since(recording) or now",
        "silent_since = now",
    ),
    Mutant(
        "workflows/call/lifecycle.py",
        "if deletion_marks.extend(self.status, recording, now):",
        "if False:",
    ),
    Mutant(
        "workflows/call/consent_gate.py",
        "if not record.given:",
        "if False:",
    ),
    Mutant(
        "workflows/call/consent_gate.py",
        "if timeout is not None and is_open and recording.wanted is not Wanted.STOPPED:",
        "if False:",
    ),
    Mutant(
        "workflows/call/lifecycle.py",
        "if (known := self._first(operation, request, now)) is not None:",
        "if (known := None) is not None:",
    ),
    Mutant(
        "workflows/call/lifecycle.py",
        'chunk.state, chunk.archived, chunk.lost_reason = ChunkState.ARCHIVED, archived, ""',
        "chunk.archived = archived",
    ),
    Mutant(
        "workflows/loops/control.py",
        "self._watchdog.pause_refused(recording, why, cause, now)",
        "pass",
    ),
    Mutant(
        "workflows/loops/control.py",
        "self._call.command_sent(command, workflow.now())",
        "pass",
    ),
    Mutant(
        "workflows/loops/export.py",
        "elif is_final(error) or was_last_chance:",
        "elif True:",
    ),
    Mutant(
        "workflows/loops/notify.py",
        'return _Answer(problem="" if is_called_off else reason(error))',
        "return _Answer(problem=reason(error))",
    ),
    Mutant(
        "workflows/loops/notify.py",
        "self._alarms.sent(alarm_id, answer.told, workflow.now())",
        "pass",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "self._under_way.add(item)",
        "pass",
    ),
    Mutant(
        "workflows/loops/timers.py",
        "self._alarms.add(AlarmKind.LOST, Severity.CRITICAL, recording.problem, recording, now)",
        "pass",
    ),
    Mutant(
        "workflows/loops/delete_source.py",
        "elif recording.sealed is None or recording.sealed.findings:",
        "elif False:",
    ),
    Mutant(
        "workflows/loops/delete_source.py",
        "self._seals.archive_anew(key, sealed, reason(error))",
        "pass",
    ),
    Mutant(
        "workflows/loops/seal.py",
        "chunks.export_anew(self._call.status, recording, {ChunkKey(*each) for each in gone})",
        "self.unsealable.add(recording.number)",
    ),
    Mutant(
        "workflows/recording.py",
        "await self._settled_or_due(record)",
        "pass",
    ),
    Mutant(
        "workflows/recording.py",
        "self.call.settle_all(workflow.now())",
        "pass",
    ),
    Mutant(
        "workflows/recording.py",
        "to_delete=tuple(sorted(self.delete_source.to_delete)),",
        "to_delete=(),",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "and workflow.all_handlers_finished()",
        "and True",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "and all(loop.is_idle for loop in self._loops if not loop.is_interruptible)",
        "and True",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "return self.is_draining and all(loop.is_idle for loop in self._loops)",
        "return self.is_draining",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "return self._call.is_over and all(loop.is_done for loop in self._loops)",
        "return self._call.is_over",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "return is_cancelled and self._call.status.being_recorded is not None",
        "return False",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "if not waiting or run.is_draining or run.is_finished:",
        "if not waiting or run.is_finished:",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "seen = self.clock.seen",
        "self.clock.look(); seen = self.clock.seen",
    ),
    Mutant(
        "workflows/loops/seal.py",
        "if recording.model_dump_json() == before:",
        "if True:",
    ),
    Mutant(
        "workflows/loops/seal.py",
        "return not self._is_sealing and self._to_seal() is None",
        "return self._to_seal() is None",
    ),
    Mutant(
        "callvault/contracts/events.py",
        "return len({index for index, _ in reasons if index <= last}) == last + 1",
        "return True",
    ),
    Mutant(
        "workflows/loops/export.py",
        "self._alarms.add(AlarmKind.LOST, Severity.CRITICAL, what, recording, now, chunk)",
        "pass",
    ),
    Mutant(
        "workflows/loops/clock.py",
        "if timer.done() or (at <= soon and not self._is_awaited(at))",
        "if timer.done()",
    ),
    Mutant(
        "workflows/loops/clock.py",
        "if nearest is None or any(at <= nearest.at for at in self._wake_ups()):",
        "if nearest is None or any(self._wake_ups()):",
    ),
    Mutant(
        "workflows/loops/clock.py",
        "lambda: read() != before or (first is not None and self.seen.now >= first)",
        "lambda: read() != before or (first is not None and workflow.now() >= first)",
    ),
    Mutant(
        "workflows/recording.py",
        "self.call.cancelled(workflow.now())",
        "pass",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "if not run.is_finished and (item := next_item()) is not None:",
        "if (item := next_item()) is not None:",
    ),
    Mutant(
        "workflows/call/silence.py",
        "return sound.begun_at is None or sound.over_at is not None"
        " or _open(recording) is not None",
        "return sound.begun_at is None or sound.over_at is not None or sound.starting_until",
    ),
    Mutant(
        "workflows/call/silence.py",
        "intervals.prove(recording.silence, SilentInterval(since=received_at, proof=proof))",
        "intervals.prove(recording.silence, SilentInterval(since=sound.begun_at, proof=proof))",
    ),
    Mutant(
        "workflows/call/silence.py",
        "interval.until = at",
        "pass",
    ),
    Mutant(
        "workflows/call/silence.py",
        "until = sound.over_at or (FOREVER if wanted_since is not None else now)",
        "until = sound.over_at or now",
    ),
    Mutant(
        "workflows/call/silence.py",
        "until = sound.over_at or (FOREVER if wanted_since is not None else now)",
        "until = FOREVER if wanted_since is not None else now",
    ),
    Mutant(
        "workflows/call/silence.py",
        "wanted = Span(max(sound.wanted_since, sound.begun_at), until)",
        "wanted = Span(now, until)",
    ),
    Mutant(
        "workflows/call/silence.py",
        "if at <= interval.since:",
        "if False:",
    ),
    Mutant(
        "workflows/call/intervals.py",
        "if since < until:",
        "if False:",
    ),
    Mutant(
        "workflows/call/intervals.py",
        "last.until = None if FOREVER in ends else max(ends)",
        "last.until = min(ends)",
    ),
    Mutant(
        "workflows/call/silence.py",
        "sound.over_at = sound.over_at or at",
        "sound.over_at = at",
    ),
    Mutant(
        "workflows/call/silence.py",
        "return since + confirm_within",
        "return since + 3 * confirm_within",
    ),
    Mutant(
        "workflows/call/guards.py",
        "yield record.expires_at, recording, record",
        "pass",
    ),
    Mutant(
        "workflows/call/guards.py",
        "if record.operation == Operation.PAUSE and not record.is_overdue:",
        "if record.operation == Operation.PAUSE:",
    ),
    Mutant(
        "workflows/call/guards.py",
        "if failed and is_new:",
        "if False:",
    ),
    Mutant(
        "workflows/call/guards.py",
        "self._take_back(recording, record, now)",
        "pass",
    ),
    Mutant(
        "workflows/call/guards.py",
        "recording.ask_again_at = None",
        "pass",
    ),
    Mutant(
        "workflows/call/guards.py",
        "recording.looked_for_until = None",
        "pass",
    ),
    Mutant(
        "workflows/call/guards.py",
        "if pauses.ended_by(recording, record) and not is_asked_again:",
        "if False:",
    ),
    Mutant(
        "workflows/call/consent_holds.py",
        "if _is_over(recording):",
        "if recording.wanted is Wanted.STOPPED:",
    ),
    Mutant(
        "workflows/loops/control.py",
        "self._act_on_due(workflow.now())",
        "pass",
    ),
)
