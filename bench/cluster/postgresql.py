"""A PostgreSQL of this run alone, on loopback, whose data end with it."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from callvault.local.processes import Process, Supervisor

USER = "temporal"
DEBIAN = Path("/usr/lib/postgresql")
TIMEOUT = 120.0
READY = "database system is ready to accept connections"
UNPRIVILEGED = ("postgres", "nobody")
"""Users that the server runs as where this one is root, which it refuses."""


def program(name: str) -> str | None:
    """Find a program of PostgreSQL's server: on PATH, else where Debian and Ubuntu keep it."""
    if found := shutil.which(name):
        return found
    versions = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return str(versions[-1]) if versions else None


def start_postgresql(supervisor: Supervisor, home: Path, port: int) -> Process:
    """Make a database cluster in ``home``, and start its server."""
    home.mkdir()
    account = _account()
    if account:
        # The folders above must let that user through.
        home.parent.chmod(0o711)
        os.chown(home, account.pw_uid, account.pw_gid)
    as_user = _as(account)
    initdb = [program("initdb") or "initdb", "--pgdata", str(home / "data"), "--username", USER]
    subprocess.run(
        [*as_user, *initdb, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"],
        cwd=home,
        check=True,
        capture_output=True,
        timeout=TIMEOUT,
    )
    # Nothing here loses power: what is killed is a process, whose writes the kernel has.
    settings = (
        "fsync=off",
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        f"port={port}",
    )
    options = [part for each in settings for part in ("-c", each)]
    process = supervisor.start(
        "postgresql",
        [*as_user, program("postgres") or "postgres", "-D", str(home / "data"), *options],
        directory=home,
    )
    # It listens before it is ready.
    process.wait_for(lambda: READY in process.tail() or None)
    return process


def _account() -> pwd.struct_passwd | None:
    """Return the user to run as; None where this one will do."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name: each for each in pwd.getpwall()}
    return next((known[name] for name in UNPRIVILEGED if name in known), None)


def _as(account: pwd.struct_passwd | None) -> list[str]:
    if account is None:
        return []
    ids = ("--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups")
    # The kernel forgets about the parent's end when a process changes its user.
    return ["setpriv", *ids, "--pdeathsig", "KILL"]
