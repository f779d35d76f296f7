"""Does a gateway say which of its secrets cannot be used, while it goes on?"""

from pathlib import Path

import httpx
from structlog.testing import capture_logs
from temporalio.client import Client

from callvault.gateway.app import create_app
from callvault.gateway.secret_watch import look_at_secrets
from callvault.problems import Problems
from tests.gateway.conftest import Call, settings


async def test_a_secret_that_goes_is_told_by_name_and_the_last_one_is_used_on(
    temporal: Client, call: Call, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    configured = settings(tmp_path / "quarantine", event_secrets=[f"file:{secret}"])
    problems = Problems()
    app = create_app(configured, temporal, problems=problems)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        await look_at_secrets(configured, problems)
        assert (await http.get("/readyz")).json() == {"temporal": "ok", "quarantine": "ok"}
        secret.unlink()
        with capture_logs() as logs:
            await look_at_secrets(configured, problems)
            ready = await http.get("/readyz")
        assert ready.status_code == 200, "events must not be sent elsewhere, or nowhere"
        assert ready.json()["gateway.event_secrets.0"].startswith("cannot be used")
        assert [line["what"] for line in logs if line["event"] == "amiss"] == [
            "gateway.event_secrets.0"
        ]
        answer = await http.post("/v1/events?code=hunter2", json=[call.recorded()])
        assert answer.status_code == 200
