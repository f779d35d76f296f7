"""The work of `callvault index check` and `rebuild`: one pass over the index of each archive."""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import date

from callvault.archive.subjects.accounts import IndexProblem
from callvault.archive.subjects.rebuild import IndexPass, Verdict
from callvault.cli.terminal import say, say_json
from callvault.clients import open_proven
from callvault.config.settings import Settings
from callvault.contracts.participants import hiding
from callvault.errors import ConfigurationError


def run_pass(
    settings: Settings, archives: Sequence[str], since: date | None, *, mends: bool, as_json: bool
) -> bool:
    """Check or rebuild the indexes of these archives, or of all; True if nothing is wrong now."""
    if not settings.archives:
        raise ConfigurationError("there is no archive in the configuration: add [archives.NAME]")
    hash_of = hiding(settings.participant_key())
    chosen = {name: settings.archive(name) for name in archives or settings.archives}
    is_right = True
    for name, configured in chosen.items():
        with closing(open_proven(name, configured)) as archive:
            tell = _Teller(name, as_json)
            one = IndexPass(archive, hash_of, mends, tell.problem, tell.day)
            one.run(since)
            tell.end(one)
            is_right = is_right and not tell.problems
    return is_right


class _Teller:
    """Prints what a pass finds, as it finds it: nothing is kept."""

    def __init__(self, archive: str, as_json: bool) -> None:
        self._archive = archive
        self._as_json = as_json
        self.problems = 0

    def problem(self, problem: IndexProblem) -> None:
        self.problems += 1
        told = {"archive": self._archive, "object": problem.object_name, "problem": problem.text}
        if self._as_json:
            say_json(json.dumps(told))
        else:
            say(f"{self._archive} {problem.object_name}: {problem.text}")

    def day(self, day: date) -> None:
        # Apart from what was found: who ends the command goes on with --since this day.
        say(f"{self._archive}: the recordings of {day} were compared", err=True)

    def end(self, done: IndexPass) -> None:
        counts = {verdict.value: done.counts[verdict] for verdict in Verdict}
        if self._as_json:
            say_json(json.dumps({"archive": self._archive, "problems": self.problems, **counts}))
            return
        said = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
        say(f"{self._archive}: entries: {said}. {self._verdict(done)}")

    def _verdict(self, done: IndexPass) -> str:
        if not self.problems:
            return "The index is right."
        advice = "see above" if done.mends else "run `callvault index rebuild`"
        return f"{self.problems} problems: {advice}."
