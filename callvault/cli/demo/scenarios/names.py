"""The names of the scenarios, apart: the command line knows them before it loads one."""

from enum import StrEnum


class ScenarioName(StrEnum):
    """The choices of `callvault demo --scenario`."""

    BASIC = "basic"
    CONSENT = "consent"
    CARD_PAYMENT = "card-payment"
    ACS_OUTAGE = "acs-outage"
    ARCHIVE_ONLY = "archive-only"
