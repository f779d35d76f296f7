"""Does each check of `callvault doctor` that needs no storage fail for its reason?"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from callvault.archive.manifests.keys import Signer
from callvault.cli.actions import check_result, doctor_services
from callvault.cli.actions.check_result import CheckResult, Subject, run_blocking
from callvault.cli.actions.doctor import examine, show
from callvault.cli.actions.doctor_services import check_services
from callvault.cli.actions.doctor_settings import check_settings
from callvault.cli.actions.doctor_temporal import of_versions
from callvault.cli.actions.doctor_webhooks import check_webhooks
from callvault.config.settings import Settings
from callvault.errors import Unavailable
from callvault.probes import Answer
from tests.activities.test_webhooks import Receiver

RESOURCE = {
    "endpoint": "https://contoso.communication.azure.com",
    "credential": {"entra": True},
    "export_window": "24h",
}


def subject(**changes: Any) -> Subject:
    resource = {**RESOURCE, **changes.pop("resource", {})}
    archives = {"main": {"kind": "directory", "path": "/a", **changes.pop("archive", {})}}
    tree = {"resources": {"default": resource}, "archives": archives, **changes}
    return Subject(Settings.model_validate(tree))


async def test_a_clock_that_differs_from_the_others_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    answers = {
        "resources.default": Answer(now),
        "archives.main": Answer(now),
        "archives.late": Answer(now - timedelta(minutes=10)),
    }
    asked = {what: partial(lambda answer: answer, answer) for what, answer in answers.items()}
    monkeypatch.setattr(doctor_services, "probes", lambda settings: asked)
    clocks = (await check_services(subject()))[-1]
    assert (clocks.name, clocks.is_ok) == ("clocks", False)
    assert clocks.found.startswith("archives.late: its clock is 600 s behind of the others'")
    assert "NTP" in clocks.fix


async def windows(**resource: Any) -> CheckResult:
    return (await check_settings(subject(resource=resource)))[0]


async def test_a_window_that_the_service_does_not_promise_is_found() -> None:
    too_long = await windows(export_window="48h")
    assert not too_long.is_ok
    assert "resources.default: export_window is 48 h" in too_long.found
    assert "promise 24 h" in too_long.found
    assert "export_window" in too_long.fix
    assert (await windows(export_window="24h")).is_ok
    assert (await windows(export_window="48h", api_version="2021-06-15-preview")).is_ok
    assert not (await windows(export_window="49h", api_version="2021-06-15-preview")).is_ok
    assert (await windows(export_window="48h", endpoint="http://127.0.0.1:9")).is_ok, "an emulator"


async def test_a_resource_that_only_archives_is_told_with_what_it_depends_on() -> None:
    assert "archive only" not in {each.name for each in await check_settings(subject())}
    only = {"archive_only": True}
    told = (await check_settings(subject(resource=only)))[-1]
    assert (told.name, told.is_ok) == ("archive only", True)
    assert told.found.startswith("default only archives: ")
    assert "only the webhook brings it: docs/events.md" in told.found
    entra = {"account_url": "https://contoso.queue.core.windows.net"}
    queues = {"recordings": {"queue": "recording-events", **entra}}
    told = (await check_settings(subject(resource=only, queues=queues)))[-1]
    assert "queues or dead letters bring it" in told.found


async def keys(**archive: Any) -> CheckResult:
    return (await check_settings(subject(archive=archive)))[1]


async def test_a_key_whose_signatures_nobody_will_believe_is_found(tmp_path: Path) -> None:
    ours, another = Signer.generate(), Signer.generate()
    for name, content in {
        "key": ours.pem(),
        "ours.pub": ours.public.pem(),
        "another.pub": another.public.pem(),
        "garbage": b"garbage",
    }.items():
        (tmp_path / name).write_bytes(content)
    signing = {"signing_key": f"file:{tmp_path / 'key'}"}

    both = await keys(**signing, public_keys=[tmp_path / "another.pub", tmp_path / "ours.pub"])
    assert (both.is_ok, both.found[:6]) == (True, "1 of 1")
    lacking = await keys(**signing, public_keys=[tmp_path / "another.pub"])
    assert not lacking.is_ok
    assert f"lack the public half of the signing key ({ours.public.key_id})" in lacking.found
    unread = await keys(**signing, public_keys=[tmp_path / "none.pub"])
    assert "none.pub cannot be read" in unread.found
    wrong = await keys(signing_key=f"file:{tmp_path / 'garbage'}")
    assert "archives.main: the signing key is neither" in wrong.found
    assert (await keys()).is_ok


@pytest.mark.parametrize(
    ("server", "is_ok"),
    [("1.27.9", False), ("0.99", False), ("1.28.0", True), ("v1.32.0", True), ("2.0", True)],
)
def test_a_server_that_is_too_old_is_found(server: str, is_ok: bool) -> None:
    result = of_versions(server)
    assert (result.is_ok, server in result.found) == (is_ok, True)
    assert is_ok or "1.28" in result.fix
    assert of_versions("").is_ok, "Temporal Cloud may tell none"


@contextmanager
def receiver(status: int) -> Iterator[tuple[str, list[str]]]:
    """Run a receiver that answers so; yield its URL and the methods that it was asked with."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.command)
            self.send_response(status)
            self.send_header("location", "https://elsewhere.example/")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook?token=hunter2", asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "is_ok"), [(204, True), (401, False), (302, False)])
async def test_a_webhook_for_events_is_sent_one_that_its_secret_signs(
    status: int, is_ok: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk"
    monkeypatch.setenv("SECRET", secret)
    with Receiver.answering(status) as taking:
        monkeypatch.setenv("HOOK", taking.url)
        own = {"webhook_url": "env:HOOK", "webhook_secrets": ["env:SECRET"]}
        _, result = await check_webhooks(subject(resource=own))
    assert (result.name, result.is_ok) == ("webhook resources.default.webhook_url", is_ok)
    assert bool(result.fix) is not is_ok
    [(headers, body)] = taking.got
    event = standardwebhooks.Webhook(secret).verify(body, headers)
    assert event["type"] == "callvault.ping"
    assert "token" not in str(result)


async def webhook(url: str, monkeypatch: pytest.MonkeyPatch) -> CheckResult:
    monkeypatch.setenv("HOOK", url)
    [alarms, announcement] = await check_webhooks(
        subject(alarms={"webhook_url": "env:HOOK"}, resource={"announcement_url": "env:HOOK"})
    )
    assert announcement.name == "webhook resources.default.announcement_url"
    assert (alarms.is_ok, alarms.found) == (announcement.is_ok, announcement.found)
    return alarms


@pytest.mark.parametrize(
    ("status", "is_ok", "told"),
    [
        (204, True, "answers 204"),
        (405, True, "answers 405"),
        (302, False, "redirects"),
        (502, False, "fails (502)"),
    ],
)
async def test_a_webhook_is_asked_without_being_used(
    status: int, is_ok: bool, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(status) as (url, asked):
        result = await webhook(url, monkeypatch)
    assert (result.is_ok, bool(result.fix), told in result.found) == (is_ok, not is_ok, True)
    assert set(asked) == {"HEAD"}
    assert "hunter2" not in str(result)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/?token=hunter2", "garbage hunter2"])
async def test_a_webhook_that_is_not_there_is_found(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = await webhook(url, monkeypatch)
    assert not result.is_ok
    assert "callvault alarms test" in result.fix
    assert "hunter2" not in str(result)


async def test_no_webhook_is_no_failure_and_said() -> None:
    [result] = await check_webhooks(subject())
    assert (result.is_ok, result.found.partition(":")[0]) == (True, "none")


async def test_a_check_that_hangs_or_breaks_takes_no_other_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check_result, "CHECK_TIMEOUT", 0.3)
    go_on = threading.Event()

    def hangs() -> CheckResult:
        go_on.wait()
        return CheckResult("hangs", True, "")

    def breaks() -> CheckResult:
        return {}["x"]  # type: ignore[no-any-return, misc]

    def refuses() -> CheckResult:
        raise Unavailable("it is away")

    async with asyncio.timeout(10):
        results = await run_blocking(
            {
                "hangs": hangs,
                "breaks": breaks,
                "refuses": refuses,
                "good": lambda: CheckResult("good", True, "fine"),
            }
        )
    go_on.set()
    assert [each.is_ok for each in results] == [False, False, False, True]
    assert [each.found for each in results[:3]] == [
        "no answer in 0.3 s",
        "an error of Callvault's own: KeyError",
        "it is away",
    ]


def test_settings_that_cannot_be_read_are_the_only_result(tmp_path: Path) -> None:
    (tmp_path / "callvault.toml").write_text("[archive]\n")
    [result] = examine(tmp_path / "callvault.toml")
    assert (result.name, result.is_ok) == ("settings", False)
    assert "archive" in result.found


def test_what_is_found_is_one_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    show([CheckResult("archive main", False, "full " * 40, "make room " * 40)], as_json=False)
    assert len(capsys.readouterr().out.splitlines()) == 2
