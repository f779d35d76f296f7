"""Does a gateway say which of its secrets cannot be used, while it goes on?"""

import asyncio
from pathlib import Path

import httpx
from structlog.testing import capture_logs
from temporalio.client import Client

from activities.alarm_sender import AlarmSender
from activities.webhooks import AlarmActivities, AnnouncementActivities
from callvault.causes import Cause
from callvault.config.worker import WorkerSettings
from callvault.contracts.alarms import Alarm
from callvault.gateway.app import create_app
from callvault.gateway.secret_watch import SecretWatch
from callvault.problems import Problems
from tests.gateway.conftest import Call, settings
from workers.registry import notification_worker


async def test_a_secret_that_goes_is_told_by_name_and_the_last_one_is_used_on(
    temporal: Client, call: Call, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    configured = settings(tmp_path / "quarantine", event_secrets=[f"file:{secret}"])
    problems = Problems()
    watch = SecretWatch(configured, temporal, problems)
    app = create_app(configured, temporal, problems=problems)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        await watch.look()
        assert (await http.get("/readyz")).json() == {"temporal": "ok", "quarantine": "ok"}
        secret.unlink()
        with capture_logs() as logs:
            await watch.look()
            ready = await http.get("/readyz")
        assert ready.status_code == 200, "events must not be sent elsewhere, or nowhere"
        assert ready.json()["gateway.event_secrets.0"].startswith("cannot be used")
        assert [line["what"] for line in logs if line["event"] == "amiss"] == [
            "gateway.event_secrets.0"
        ]
        answer = await http.post("/v1/events?code=hunter2", json=[call.recorded()])
        assert answer.status_code == 200


class Told(list[Alarm]):
    def send(self, alarm: Alarm) -> None:
        self.append(alarm)


async def test_a_secret_that_cannot_be_used_is_alarmed_by_a_worker_and_so_is_its_mending(
    temporal: Client, temporal_away: Client, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    configured = settings(tmp_path / "quarantine", event_secrets=[f"file:{secret}"])
    told, nothing = Told(), AnnouncementActivities(lambda _: None)
    alone = SecretWatch(configured, temporal_away, Problems())
    for _ in range(3):
        await alone.look()  # what cannot be handed over ends no gateway
    watch = SecretWatch(configured, temporal, Problems())
    async with notification_worker(
        temporal, AlarmActivities(AlarmSender(told)), nothing, WorkerSettings()
    ):
        for _ in range(3):
            await watch.look()
        secret.write_text("hunter2")
        await watch.look()
        async with asyncio.timeout(20):
            while len(told) < 2:
                await asyncio.sleep(0.05)
    amiss, mended = sorted(told, key=lambda alarm: alarm.at)
    assert (amiss.kind, amiss.severity, amiss.cause) == ("worker_problem", "error", Cause.SETTINGS)
    assert amiss.what.startswith("gateway on ")
    assert "gateway.event_secrets.0: " in amiss.what
    assert mended.what.endswith("gateway.event_secrets.0: mended")
