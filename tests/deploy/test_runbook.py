"""Whoever gets an alarm finds what to do."""

import re

import pytest

from callvault.causes import Cause, describe
from callvault.contracts.alarms import AlarmKind

from .conftest import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("kind", AlarmKind)
def test_every_kind_of_alarm_has_a_section_that_says_what_to_do(kind: AlarmKind) -> None:
    sections = re.split(r"^#+ ", PAGE, flags=re.MULTILINE)
    [section] = [text for text in sections if text.startswith(f"`{kind}`\n")]
    assert len(section.split()) > 8


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_the_section_that_its_alarms_name(cause: Cause) -> None:
    assert describe(cause).endswith(f"(docs/operations.md#cause-{cause})")
    sections = re.split(r"^#+ ", PAGE, flags=re.MULTILINE)
    [section] = [text for text in sections if text.startswith(f"Cause `{cause}`\n")]
    assert len(section.split()) > 8
