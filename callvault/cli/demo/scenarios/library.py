"""All scenarios, by name."""

from callvault.cli.demo.scenarios import acs_outage, archive_only, basic, card_payment, consent
from callvault.cli.demo.scenarios.names import ScenarioName
from callvault.cli.demo.scenarios.scenario import Scenario

SCENARIOS: dict[ScenarioName, Scenario] = {
    ScenarioName.BASIC: Scenario(basic.story),
    ScenarioName.CONSENT: Scenario(consent.story, consent.verify),
    ScenarioName.CARD_PAYMENT: Scenario(card_payment.story, card_payment.verify, is_flawless=False),
    ScenarioName.ACS_OUTAGE: Scenario(acs_outage.story, acs_outage.verify, is_flawless=False),
    ScenarioName.ARCHIVE_ONLY: Scenario(
        archive_only.story, archive_only.verify, settings=archive_only.SETTINGS
    ),
}
