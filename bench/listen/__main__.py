"""`make listen`: play random calls, listen to every archived file, and hold the three laws."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.listen import run, shrink
from bench.listen.tally import Tally


def main() -> int:
    """Play the calls, or one of them again; return 0 if no law was broken."""
    given = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="callvault-listen-") as folder,
        run.theatre(given.keep or Path(folder), given.sabotage) as stage,
    ):
        if given.play is not None:
            scene = run.short_scene if given.short else run.scene
            told = scene(given.seed, given.play).without(given.without)
            return shrink.play_again(stage, told, _say)
        return _run(stage, given)


def _run(stage: run.Theatre, given: argparse.Namespace) -> int:
    tally = Tally(given.seed, given.calls)
    tally.add_fair(run.play_fair(stage))
    for played in run.play(stage, given.seed, given.calls):
        known = len(tally.broken)
        tally.add(played)
        _say(tally.progress)
        # At once, beside the end: a run of minutes may not come to its end.
        for broken in tally.broken[known:]:
            _say(tally.told(broken))
    tally.finish()
    print(tally.summary, flush=True)
    for broken in tally.to_shrink(given.shrink):
        print(shrink.shortest(stage, given.seed, broken, _say), flush=True)
    if given.report:
        given.report.write_text(tally.page(given.report.read_text("utf-8")), encoding="utf-8")
    return 0 if tally.is_good else 1


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _indices(text: str) -> frozenset[int]:
    return frozenset(int(index) for index in text.split(",") if index)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.listen", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--play", type=int, help="play this call again, and nothing else")
    parser.add_argument("--short", action="store_true", help="the call is one of the short form")
    parser.add_argument(
        "--without", type=_indices, default=frozenset(), help="indices of steps to leave out"
    )
    parser.add_argument("--shrink", type=int, default=3, help="broken calls to shorten, at most")
    parser.add_argument("--sabotage", default="", help="a mutant that is to be noticed")
    parser.add_argument("--keep", type=Path, help="a directory for logs and archive")
    parser.add_argument("--report", type=Path, help="the page whose figures are to be written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
