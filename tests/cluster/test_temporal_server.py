"""Does each member of Temporal's cluster know the others, and is what is missing named?"""

from pathlib import Path

import pytest

from bench.chaos.options import Options
from bench.chaos.run import cluster_config
from bench.cluster import temporal_server
from bench.cluster.postgresql import program
from bench.cluster.temporal_server import HostsOnPostgresql, not_installed
from callvault.local.processes import Supervisor


@pytest.fixture
def cluster(tmp_path: Path) -> HostsOnPostgresql:
    config = cluster_config(Options(1), "http://127.0.0.1:1", "secret")
    found = HostsOnPostgresql(Supervisor(tmp_path), tmp_path, config)
    found._folder = tmp_path
    found._choose_ports()
    return found


def test_two_history_hosts_have_ports_of_their_own(cluster: HostsOnPostgresql) -> None:
    first = cluster._config("history-1", "history")["services"]
    second = cluster._config("history-2", "history")["services"]
    assert first["history"] != second["history"]
    assert first["frontend"] == second["frontend"]
    assert {*first} == {*second} == {"frontend", "matching", "worker", "history"}


def test_the_database_has_room_for_the_ports_of_the_members(cluster: HostsOnPostgresql) -> None:
    assert all(membership < 1 << 15 for _, membership in cluster._members.values())


def test_a_member_knows_every_service(cluster: HostsOnPostgresql) -> None:
    services = cluster._config("matching", "matching")["services"]
    assert {*services} == {"frontend", "matching", "worker", "history"}
    ports = [port for each in services.values() for port in (*each["rpc"].values(),)]
    assert len({*ports}) == 2 * len(services) + 1  # and `bindOnLocalHost`


def test_it_says_that_the_server_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(temporal_server, "INSTALLED", tmp_path)
    assert "`make cluster SERVER=postgresql` installs it" in not_installed()


def test_it_says_that_postgresql_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("server", "sql"):
        (tmp_path / name).touch()
    monkeypatch.setattr(temporal_server, "INSTALLED", tmp_path)
    monkeypatch.setattr(temporal_server, "program", lambda _: None)
    assert not_installed() == "PostgreSQL's server is missing: apt-get install postgresql"


def test_a_program_of_postgresql_may_be_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bench.cluster.postgresql.DEBIAN", tmp_path)
    assert program("initdb") is None
    newest = tmp_path / "15" / "bin" / "initdb"
    for version in ("9.6", "15"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    assert program("initdb") == str(newest)
