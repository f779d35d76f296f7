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
    def module(self) -> str:
        """The name of the module that is changed."""
        return self.path.removesuffix(".py").replace("/", ".")

    def source(self) -> str:
        """Return the file with the changed line; `ValueError` unless the line stands there once."""
        lines = (ROOT / self.path).read_text().splitlines()
        found = [at for at, line in enumerate(lines) if line.strip() == self.old]
        if len(found) != 1:
            raise ValueError(f"{self.path} has {len(found)} times: {self.old}")
        line = lines[found[0]]
        lines[found[0]] = line[: len(line) - len(line.lstrip())] + self.new
        return "\n".join(lines) + "\n"


MUTANTS = (
    Mutant(
        "workflows/call/lifecycle.py",
        "self.in_flight = command",
        "self.in_flight = command; it = self.recording(command.recording);"
        ' it.actual = {"pause": Actual.PAUSED}.get(command.operation, it.actual)',
    ),
    Mutant(
        "workflows/call/consent_holds.py",
        "_ask(Operation.PAUSE, why, recording, requests, now)",
        "pass",
    ),
    Mutant(
        "workflows/loops/control.py",
        "acs_answers.retry_start(self._call, recording, now)",
        "self._call.in_flight = None",
    ),
    Mutant(
        "workflows/call/consent.py",
        "return {presence.participant for presence in status.participants if presence.in_call}",
        'return {"a" * 64}',
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
        "source.act(workflow.now())",
        "pass",
    ),
    Mutant(
        "workflows/call/guards.py",
        "if record.operation == Operation.PAUSE and not record.is_overdue and may_record:",
        "if False and may_record:",
    ),
    Mutant(
        "workflows/call/guards.py",
        "return recording.target is Wanted.ACTIVE and any(",
        "return True or any(",
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
        "return not self.waits_for_consent and not unannounced",
        "return not self.waits_for_consent",
    ),
    Mutant(
        "workflows/call/request_records.py",
        "if operation is Operation.RESUME and current.is_held:",
        "if False:",
    ),
    Mutant(
        "workflows/call/request_records.py",
        "if operation is not Operation.STOP and current.wanted is Wanted.STOPPED:",
        "if False:",
    ),
    Mutant(
        "workflows/call/request_records.py",
        "if current is not None and current.wanted is not Wanted.STOPPED:",
        "if False:",
    ),
    Mutant(
        "workflows/call/consent_holds.py",
        "if not lacking and (recording.is_held or recording.consented_at is None):",
        "if False:",
    ),
    Mutant(
        "workflows/call/consent_holds.py",
        "until=None if may_record else recording.stopped_at or now,",
        "until=now,",
    ),
    Mutant(
        "workflows/call/consent_gate.py",
        "if had_agreed and not decision.given:",
        "if False:",
    ),
    Mutant(
        "workflows/call/consent_gate.py",
        "if timeout is not None and is_open and recording.wanted is not Wanted.STOPPED:",
        "if False:",
    ),
    Mutant(
        "workflows/call/lifecycle.py",
        "if (known := self.requests.known(request)) is not None:",
        "if (known := None) is not None:",
    ),
    Mutant(
        "workflows/call/lifecycle.py",
        "chunk.state, chunk.archived = ChunkState.ARCHIVED, archived",
        "chunk.archived = archived",
    ),
    Mutant(
        "workflows/loops/control.py",
        "self._watchdog.pause_refused(recording, why, now)",
        "pass",
    ),
    Mutant(
        "workflows/loops/control.py",
        "self._call.command_sent(command)",
        "pass",
    ),
    Mutant(
        "workflows/loops/export.py",
        "elif is_final(error) or was_last_chance:",
        "elif True:",
    ),
    Mutant(
        "workflows/loops/notify.py",
        "if not is_called_off:",
        "if True:",
    ),
    Mutant(
        "workflows/loops/notify.py",
        "self._alarms.sent(record, workflow.now())",
        "pass",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "under_way.add(item)",
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
        "workflows/recording.py",
        "await workflow.wait_condition(lambda: record.state is not RequestState.PENDING)",
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
        "if run.is_draining or run.is_finished:",
        "if run.is_finished:",
    ),
    Mutant(
        "workflows/loops/loop.py",
        "seen = self.clock.seen",
        "self.clock.look(); seen = self.clock.seen",
    ),
    Mutant(
        "workflows/loops/seal.py",
        "if recording == before:",
        "if True:",
    ),
    Mutant(
        "workflows/loops/seal.py",
        "return not self._is_sealing and self._to_seal() is None",
        "return self._to_seal() is None",
    ),
    Mutant(
        "workflows/call/recording_state.py",
        "return len({c.chunk.index for c in recording.chunks if c.chunk.index <= last})"
        " == last + 1",
        "return True",
    ),
    Mutant(
        "workflows/loops/export.py",
        "self._alarms.add(AlarmKind.LOST, Severity.CRITICAL, what, recording, now, chunk)",
        "pass",
    ),
    Mutant(
        "workflows/loops/clock.py",
        "if timer.done() or not any(at <= m.at <= at + LEEWAY for m in self._awaited)",
        "if timer.done() or not any(at <= m.at for m in self._awaited)",
    ),
    Mutant(
        "workflows/loops/clock.py",
        "if nearest is None or any(at <= nearest.at for at in self._running()):",
        "if nearest is None or self._running():",
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
)
