"""Rules and dashboard are such as Prometheus takes them, and lead to pages that exist."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.deploy.test_pages import anchors
from tests.telemetry.promql import RULES, dashboard_queries

from .conftest import ROOT

PROMTOOL = shutil.which("promtool") or ""
needs_promtool = pytest.mark.skipif(
    not PROMTOOL, reason="promtool was not found: apt-get install prometheus"
)
ALERTS = [rule for group in YAML(typ="safe").load(RULES)["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_long_it_waits_how_bad_it_is_and_what_to_do(
    alert: dict[str, Any],
) -> None:
    assert alert["for"]
    assert alert["labels"]["severity"] in {"warning", "error", "critical"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    assert (ROOT / "docs" / page).is_file()
    assert not anchor or anchor in anchors(ROOT / "docs" / page)


@needs_promtool
def test_every_alert_fires_when_it_should_and_only_then() -> None:
    tests = RULES.with_name("callvault.rules.test.yaml")
    subprocess.run([PROMTOOL, "check", "rules", RULES], check=True, capture_output=True)
    subprocess.run([PROMTOOL, "test", "rules", tests], check=True, capture_output=True)
    tested = tests.read_text()
    assert [alert["alert"] for alert in ALERTS if alert["alert"] not in tested] == []


@needs_promtool
def test_the_queries_of_the_dashboard_are_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"query_{number}", "expr": query}
        for number, query in enumerate(dashboard_queries())
    ]
    file = tmp_path / "queries.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    checked = subprocess.run([PROMTOOL, "check", "rules", file], check=False, capture_output=True)
    assert checked.returncode == 0, checked.stderr
