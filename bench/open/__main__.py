"""`python -m bench.open`: what a recording costs a worker while it is open, cached and not.

Each number of recordings has a stack of its own: Temporal's development server, emulator, gateway,
one worker process. Writes docs/many-open.md; ends with 1 if a bar is missed.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import httpx
from temporalio.client import Client

from bench.latency import Backend
from bench.open.page import page, problems
from bench.open.run import Found, Measurement, Scale
from callvault.local.processes import Supervisor
from callvault.local.stack import Stack, start_stack
from callvault.temporal.converter import data_converter

PAGE = Path(__file__).parents[2] / "docs" / "many-open.md"
MAX_OPEN = 50_000
"""Each takes a history in the memory of Temporal's server, some 60 KiB."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=_numbers, default="1000,5000", help="as 1000,5000,20000")
    parser.add_argument("--idle", type=float, default=Scale.idle_seconds, help="seconds")
    parser.add_argument("--samples", type=int, default=Scale.samples, help="pauses")
    parser.add_argument("--no-page", action="store_true", help="write no page")
    given = parser.parse_args()
    scale = Scale(0, samples=given.samples, idle_seconds=given.idle)
    load = os.getloadavg()[0]
    found: list[Found] = []
    for number in given.open:
        print(f"{number} recordings ...", file=sys.stderr, flush=True)
        found.append(_measure(replace(scale, recordings=number)))
        written = page(found, scale, load)
        # After each: the largest takes long, and may not come to its end.
        if not given.no_page:
            PAGE.write_text(written)
    print(written)
    for problem in problems(found):
        print(f"MISSED: {problem}", file=sys.stderr)
    return bool(problems(found))


def _measure(scale: Scale) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with Supervisor(home / "logs") as supervisor:
            stack = start_stack(supervisor, home, archive=home / "archive", workers=())
            return asyncio.run(_run(supervisor, stack, scale))


async def _run(supervisor: Supervisor, stack: Stack, scale: Scale) -> Found:
    temporal = stack.temporal
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=data_converter
    )
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        backend = Backend(stack, client, http)
        try:
            return await Measurement(supervisor, stack, backend, scale).run()
        finally:
            backend.acs.close()


def _numbers(text: str) -> list[int]:
    """Read numbers of recordings, ascending."""
    try:
        numbers = sorted(int(each) for each in text.split(","))
    except ValueError:
        numbers = []
    if not numbers or not 300 <= numbers[0] <= numbers[-1] <= MAX_OPEN:
        raise argparse.ArgumentTypeError(
            f"{text!r}: name numbers from 300 to {MAX_OPEN}, as 1000,5000"
        )
    return numbers


if __name__ == "__main__":
    sys.exit(main())
