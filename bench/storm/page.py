"""The page docs/gateway-storm.md."""

import os
import platform

from bench.storm.findings import RETRIED_STATUSES, Findings, Scale
from bench.storm.load import BROKEN, LINES, Answers

_PAGE = """\
# The gateway in a storm

<!-- Written by `python -m bench.storm`: do not edit. -->

Gateway, Temporal's development server and the sender are processes on one machine and share its
processors with all other load; no worker runs. Times are counted from the moment at which an event
was due, also if the sender or a connection was not free.
`gateway.max_in_flight` is {most}.

Machine: {processors} processors ({machine}), other load {load:.1f} at the start, with the storm
{load_after:.1f} at its end. Python {python}.

| authentic deliveries | 200 | 503, retried | connection broke | other answers | p50 | p99 |
|---|--:|--:|--:|--:|--:|--:|
{rows}

One event after the other on {lines} connections: {sustained:.0f} events/s, {share:.2f} of what the
server takes without a gateway: {directly:.0f} signals with start a second, in turn. Of {sent}
events that were sent, {resent} were sent again, as Event Grid does; {known} workflows exist at the
end.

The attack, all at once: {junk} junk requests ({junk_rate:.0f}/s: guessed secrets, keys and tokens,
deep JSON, unknown paths, requests that are not HTTP), answered {statuses}; {slow} clients that send
a byte a second and reconnect when their connection is closed; {floods} bodies of 8 MiB without the
secret.

Memory of the gateway: {before} MiB before, {peak} MiB at the peak.
"""


def page(found: Findings, scale: Scale, load: float) -> str:
    """Render the page in Markdown; ``load`` is the machine's load average at the start."""
    return _PAGE.format(
        processors=os.cpu_count(),
        machine=platform.machine(),
        load=load,
        most=scale.max_in_flight,
        load_after=os.getloadavg()[0],
        python=platform.python_version(),
        rows="\n".join(_rows(found, scale)),
        lines=LINES,
        sustained=found.sustained,
        directly=found.directly,
        share=found.sustained / found.directly,
        sent=found.sent,
        resent=found.resent,
        known=found.known,
        junk=scale.junk,
        junk_rate=found.attack.junk_rate,
        statuses=_statuses(found.attack.junk),
        slow=scale.slow_clients,
        floods=scale.oversize,
        before=found.memory_before,
        peak=found.memory_peak,
    )


def _rows(found: Findings, scale: Scale) -> list[str]:
    rate = scale.burst_times * found.sustained
    steady = f"{scale.steady_rate:.0f} events/s for {scale.steady_seconds:.0f} s"
    burst = f"{rate:.0f} events/s for {scale.burst_seconds:.0f} s"
    return [
        _row(steady, found.steady),
        _row(f"{burst}: {scale.burst_times:.0f} times the sustained rate", found.burst),
        _row(f"{scale.attack_rate:.0f} events/s under attack", found.attack.events),
        _row(f"{scale.oversize} deliveries of 2 MiB, under attack", found.attack.large),
    ]


def _row(title: str, answers: Answers) -> str:
    known = answers.statuses
    other = sum(known.values()) - sum(known[status] for status in RETRIED_STATUSES)
    times = " | ".join(f"{answers.quantile(share) * 1000:.0f} ms" for share in (0.5, 0.99))
    return f"| {title} | {known[200]} | {known[503]} | {known[BROKEN]} | {other} | {times} |"


def _statuses(answers: Answers) -> str:
    named = {BROKEN: "by closing the connection"}
    counted = sorted(answers.statuses.items())
    return ", ".join(f"{named.get(status, str(status))} ({number})" for status, number in counted)
