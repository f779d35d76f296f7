"""All scenarios, by name."""

from callvault.cli.scenarios import consent, keep
from callvault.cli.scenarios.names import ScenarioName
from callvault.cli.scenarios.scenario import Scenario

SCENARIOS: dict[ScenarioName, Scenario] = {
    ScenarioName.KEEP: Scenario(keep.story),
    ScenarioName.CONSENT: Scenario(consent.story, consent.proof),
}
