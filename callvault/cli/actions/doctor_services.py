"""The checks of `callvault doctor` that ask services: secrets, signatures, clocks."""

from callvault.cli.actions.check_result import CheckResult, Subject, in_threads, of_problems
from callvault.clocks import Clocks
from callvault.config.settings import Settings
from callvault.errors import CallvaultError, Unavailable
from callvault.probes import Answer, probes
from callvault.secret_checks import secret_problems
from callvault.temporal.clock import server_time

PROBE_TIMEOUT = 15.0
"""Seconds for all services together, to answer one small request each."""


async def check_services(subject: Subject) -> list[CheckResult]:
    """Check every secret, every service that is reached with one, and all clocks."""
    answers = await _ask(subject.settings)
    clocks = Clocks()
    for whose, answer in answers.items():
        if answer.time is not None:
            clocks.learn(whose, answer.time)
    refused = {what: answer.problem for what, answer in answers.items() if answer.problem}
    return [
        of_problems(
            "secrets",
            secret_problems(subject.settings),
            "Write the secret anew where the setting says; no process needs a restart.",
            "each is there and has its form",
        ),
        of_problems(
            "services",
            refused,
            "Mend the key, the role or the name: see the sentence.",
            f"{len(answers)} took a request that was signed with our credentials",
        ),
        await _clocks(subject, clocks),
    ]


async def _clocks(subject: Subject, clocks: Clocks) -> CheckResult:
    if subject.client is not None:
        try:
            clocks.learn("Temporal", (await server_time(subject.client)).told)
        except Unavailable as error:
            return CheckResult("clocks", False, str(error), "Try again.")
    return of_problems(
        "clocks",
        clocks.problems(),
        "Have the machine's clock set over the network (NTP).",
        f"{len(clocks.differences()) + 1} agree",
    )


async def _ask(settings: Settings) -> dict[str, Answer]:
    """Ask every service at the same time; one that hangs holds up no other."""
    asked = probes(settings)
    answers = await in_threads(asked, PROBE_TIMEOUT)
    return {what: _answer(answers.get(what)) for what in asked}


def _answer(answer: Answer | CallvaultError | None) -> Answer:
    if isinstance(answer, Answer):
        return answer
    late = f"no answer in {PROBE_TIMEOUT:g} s: does its name resolve?"
    return Answer(problem=str(answer or late))
