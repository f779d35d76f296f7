"""The queries of rules and dashboard, and the metrics that they name."""

import json
import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "callvault.rules.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "callvault.json"

_STRINGS = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_SELECTORS_AND_RANGES = re.compile(r"\{[^}]*\}|\[[^\]]*\]")
_LISTS_OF_LABELS = re.compile(
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", re.IGNORECASE
)
_NAMES = re.compile(r"(?<![\w.:$])([a-zA-Z_:][\w:]*)(?!\s*\()(?![\w:])")
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def metrics_in(query: str) -> set[str]:
    """Return the names of metrics in a query of PromQL."""
    for pattern in (_STRINGS, _SELECTORS_AND_RANGES, _LISTS_OF_LABELS):
        query = pattern.sub(" ", query)
    return {name for name in _NAMES.findall(query) if name.lower() not in _WORDS}


def rule_queries() -> list[str]:
    """Return the expressions of all alerting rules."""
    groups = YAML(typ="safe").load(RULES)["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def dashboard_queries() -> list[str]:
    """Return the expressions of all panels, with a value for Grafana's own variable."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return [query.replace("$__range", "1h") for query in queries]
