"""The judge on trial: every mutant of the account is to be found within some calls.

    .venv/bin/python -m bench.listen.hunt --list                       # which there are
    .venv/bin/python -m bench.listen.hunt --count 10 --seed 3          # ten of them, some minutes
    .venv/bin/python -m bench.listen.hunt --only workflows/call/silence.py:12
    .venv/bin/python -m bench.listen.hunt --share 2/8 --calls 160      # all, in eight parts

Plays the same calls with each mutant, until a law is broken, or until fair calls get no answer any
more: who claims nothing breaks no law. The exit status is 1 if a mutant is not found.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.listen import laws, run
from bench.listen.fairness import FAIR_SHARE, fair_share
from bench.listen.mutants import ACCOUNT, Mutant, mutants, named
from bench.listen.record import Played
from bench.listen.storyteller import WAVE
from callvault.errors import CallvaultError


def main() -> int:
    """Hunt the mutants of the account, or some of them."""
    given = _arguments()
    hunted = chosen(given)
    if given.list:
        print("\n".join(f"{each.name}  {each}" for each in hunted))
        return 0
    if sign := find(None, given.seed, given.calls):
        print(f"no mutant can be told from the account itself, which shows this: {sign}")
        return 1
    missed = 0
    for mutant in hunted:
        began = time.monotonic()
        found = find(mutant, given.seed, given.calls)
        missed += not found
        took = f"{time.monotonic() - began:.0f} s"
        print(f"{found or 'NOT FOUND'} ({took})  <-  {mutant.name}  {mutant}", flush=True)
    print(f"{len(hunted) - missed} of {len(hunted)} mutants are found")
    return 1 if missed else 0


def chosen(given: argparse.Namespace) -> list[Mutant]:
    """Return the mutants that are hunted, drawn by the seed if there is a count."""
    if given.only:
        return [named(name) for name in given.only]
    found = [each for path in given.paths or ACCOUNT for each in mutants(path)]
    part, parts = (int(number) for number in given.share.split("/"))
    found = found[part - 1 :: parts]
    count = min(given.count or len(found), len(found))
    return random.Random(given.seed).sample(found, count) if count < len(found) else found


def find(mutant: Mutant | None, seed: int, calls: int) -> str:
    """Play calls with a mutant, or with none; return how it showed, empty if it did not."""
    with tempfile.TemporaryDirectory(prefix="callvault-listen-") as folder:
        try:
            with run.theatre(Path(folder), mutant.name if mutant else "") as stage:
                return _found(stage, seed, calls)
        except CallvaultError as error:
            return f"it does not start: {str(error)[:80]}"


def _found(stage: run.Theatre, seed: int, calls: int) -> str:
    played = run.play_fair(stage)
    share = fair_share(played)
    if share < FAIR_SHARE:
        return f"only {share:.0%} of the fair pauses are confirmed, and silent by the manifest"
    if sign := _sign(played):
        return sign
    waves = run.play(stage, seed, calls)
    return next((sign for wave in waves if (sign := _sign(wave))), "")


def _sign(wave: Sequence[Played]) -> str:
    for played in wave:
        for each in laws.broken(played):
            return f"law {each.law} in call {played.story.number}: {each.sentence[:90]}"
        if played.problem:
            return f"call {played.story.number}: {played.problem[:90]}"
    return ""


def _arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.listen.hunt", description=__doc__)
    parser.add_argument("paths", nargs="*", help="files whose mutants are hunted: the account's")
    parser.add_argument("--calls", type=int, default=4 * WAVE, help="for each, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of mutants, as they are printed")
    parser.add_argument("--count", type=int, default=0, help="hunt so many, drawn by the seed")
    parser.add_argument("--share", default="1/1", help="the part of all, as 2/8")
    parser.add_argument("--list", action="store_true", help="print the mutants, and play nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
