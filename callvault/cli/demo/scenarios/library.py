"""All scenarios, by name."""

from callvault.cli.demo.scenarios import acs_outage, card_payment, consent, keep
from callvault.cli.demo.scenarios.names import ScenarioName
from callvault.cli.demo.scenarios.scenario import Scenario

SCENARIOS: dict[ScenarioName, Scenario] = {
    ScenarioName.KEEP: Scenario(keep.story),
    ScenarioName.CONSENT: Scenario(consent.story, consent.proof),
    ScenarioName.CARD_PAYMENT: Scenario(card_payment.story, card_payment.proof),
    ScenarioName.ACS_OUTAGE: Scenario(acs_outage.story, acs_outage.proof, is_flawless=False),
}
