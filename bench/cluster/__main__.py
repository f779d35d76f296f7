"""`make cluster`: play recorded calls while hosts with workers are cut off, slow or set wrong.

With ``--one-host`` it plays the short form of `make chaos` on Temporal's server on PostgreSQL.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.chaos import report
from bench.chaos.cluster import Cluster
from bench.chaos.cluster_settings import ClusterConfig
from bench.chaos.run import run
from bench.cluster import namespaces, page
from bench.cluster.hosts import HostCluster, HostWorld, UnsavedWorld
from bench.cluster.page import HostRun
from bench.cluster.settings import MAX_SCENARIOS, on_hosts, on_one_host
from bench.cluster.temporal_server import HostsOnPostgresql, OnPostgresql, not_installed
from callvault.local.processes import Supervisor

SERVERS: dict[str, type[HostCluster]] = {"dev": HostCluster, "postgresql": HostsOnPostgresql}


def main() -> int:
    """Play every seed in a network of its own; return 0 if every promise was kept."""
    given = _arguments()
    if why := _left_out(given):
        print(f"Nothing is played, for {why}.", file=sys.stderr)
        return 1
    if not (given.one_host or namespaces.is_inside()):
        namespaces.enter("bench.cluster", sys.argv[1:])
    runs = [_play(given, seed) for seed in given.seeds]
    if given.report:
        given.report.write_text(page.page(runs, given.server), encoding="utf-8")
    return 0 if all(each.result.is_good for each in runs) else 1


def _left_out(given: argparse.Namespace) -> str:
    """Say why nothing can be played; empty if it can."""
    if (given.one_host or given.server == "postgresql") and (why := not_installed()):
        return why
    return "" if given.one_host or namespaces.is_inside() else namespaces.missing()


def _play(given: argparse.Namespace, seed: int) -> HostRun:
    """Play in a folder that is kept, or in one that is removed."""
    play = _on_one_host if given.one_host else _on_hosts
    with tempfile.TemporaryDirectory(prefix="callvault-cluster-") as folder:
        found = play(given, seed, given.keep / f"seed-{seed}" if given.keep else Path(folder))
    print(report.summary(found.result), flush=True)
    return found


def _on_hosts(given: argparse.Namespace, seed: int, home: Path) -> HostRun:
    made: list[HostCluster] = []

    def make(supervisor: Supervisor, home: Path, config: ClusterConfig) -> Cluster:
        made.append(SERVERS[given.server](supervisor, home, config))
        return made[-1]

    options = on_hosts(seed, given.scenarios, given.server)
    result = run(options, home, _say, make, HostWorld)
    return HostRun(result, made[0].network.left_out, made[0].peak_memory)


def _on_one_host(given: argparse.Namespace, seed: int, home: Path) -> HostRun:
    options = on_one_host(seed, given.scenarios)
    return HostRun(run(options, home, _say, OnPostgresql, UnsavedWorld))


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.cluster", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument(
        "--scenarios", type=int, default=100, choices=range(1, MAX_SCENARIOS + 1), metavar="N"
    )
    parser.add_argument("--server", choices=SERVERS, default="dev", help="Temporal's")
    parser.add_argument(
        "--one-host", action="store_true", help="the short form of `make chaos`, on PostgreSQL"
    )
    parser.add_argument("--keep", type=Path, help="a directory for logs, database and archive")
    parser.add_argument("--report", type=Path, help="where to write the page")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
