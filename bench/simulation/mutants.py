"""Mutants: one decision of the workflow changed at a time. The lives must notice each.

A mutant lives in a process of its own, which reads the changed line in place of the real one; no
file is written.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from types import ModuleType

_ROOT = Path(__file__).parents[2]
MAX_SCENARIOS = 2_000
"""Lives within which a mutant is to be noticed."""

_BATCH = 10


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
        lines = (_ROOT / self.path).read_text().splitlines()
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
        "workflows/call/refusals.py",
        "if operation is Operation.RESUME and current.is_held:",
        "if False:",
    ),
    Mutant(
        "workflows/call/refusals.py",
        "if operation is not Operation.STOP and current.wanted is Wanted.STOPPED:",
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
        "if (known := self._first(operation, request, now)) is not None:",
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
        "elif is_final(error) or (was_last_chance and conditions == self._conditions(key)):",
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
)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the changed module in place of the real one."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._mutant.module:
            return None
        origin = str(_ROOT / self._mutant.path)
        return importlib.util.spec_from_file_location(name, origin, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.source(), self._mutant.path, "exec"), module.__dict__)


def are_found(scenarios: int = MAX_SCENARIOS) -> bool:
    """Let every mutant live until it is noticed; print how, and tell if all are."""
    unnoticed = 0
    with ThreadPoolExecutor(cpu_count()) as pool:
        told = pool.map(lambda mutant: find(mutant, scenarios), MUTANTS)
        for mutant, what in zip(MUTANTS, told, strict=True):
            unnoticed += not what
            change = f"{mutant.path}: {mutant.old}  ->  {mutant.new}"
            print(f"{what or 'NOT NOTICED'}  <-  {change}", flush=True)
    print(f"{len(MUTANTS) - unnoticed} of {len(MUTANTS)} mutants are noticed")
    return not unnoticed


def find(mutant: Mutant, scenarios: int = MAX_SCENARIOS) -> str:
    """Let a mutant live in a process of its own; return what broke first, empty if nothing."""
    number = str(MUTANTS.index(mutant))
    command = [sys.executable, "-m", "bench.simulation.mutants", number, str(scenarios)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _live(mutant: Mutant, scenarios: int) -> None:
    if mutant.module in sys.modules:
        raise RuntimeError(f"{mutant.module} is imported before it is changed")
    sys.meta_path.insert(0, _Finder(mutant))
    # Only now: what is imported here is the changed workflow.
    play = importlib.import_module("bench.simulation.play")
    for first in range(0, scenarios, _BATCH):
        if problems := play.find(first, min(_BATCH, scenarios - first)):
            print(problems[0])
            return


if __name__ == "__main__":
    _live(MUTANTS[int(sys.argv[1])], int(sys.argv[2]))
