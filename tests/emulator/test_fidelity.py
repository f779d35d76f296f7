"""Nothing that the emulator does is without an entry that tells how sure it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Route

from callvault.emulator.behaviours import Behaviours
from callvault.emulator.emulator import Emulator
from callvault.emulator.eventgrid.events import CALL_EVENTS, FILE_EVENT
from callvault.emulator.faults import FaultKind
from callvault.emulator.fidelity import ENTRIES, Tag
from callvault.emulator.fidelity_page import page
from callvault.emulator.http.app import build_app
from callvault.emulator.http.control import PREFIX
from callvault.emulator.settings import EmulatorSettings

KEYS = [entry.key for entry in ENTRIES]
PAGE = Path(__file__).parents[2] / "docs" / "emulator-fidelity.md"


def names(kind: str) -> set[str]:
    return {key.removeprefix(f"{kind}:") for key in KEYS if key.startswith(f"{kind}:")}


@pytest.fixture(scope="module")
def routes() -> Iterator[set[str]]:
    emulator = Emulator(EmulatorSettings(), "http://127.0.0.1:1", "http://127.0.0.1:2", 2)
    app = build_app(emulator)
    yield {
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    emulator.close()


def test_every_behaviour_is_in_the_ledger() -> None:
    assert names("behaviour") == set(Behaviours.model_fields)


def test_every_fault_is_in_the_ledger() -> None:
    assert names("fault") == set(FaultKind)


def test_every_route_of_the_service_is_in_the_ledger(routes: set[str]) -> None:
    of_the_service = {route for route in routes if PREFIX not in route}
    assert of_the_service <= names("route")
    assert names("route") - of_the_service == {PREFIX, "everything else"}


def test_every_event_is_in_the_ledger() -> None:
    callbacks = {"RecordingStateChanged", "StartRecordingFailed"}
    wanted = {*CALL_EVENTS, FILE_EVENT.rpartition(".")[2], "SubscriptionValidation", *callbacks}
    assert wanted <= names("event")


def test_what_is_known_has_a_source() -> None:
    unsourced = [each.key for each in ENTRIES if each.tag is not Tag.ASSUMED and not each.source]
    assert unsourced == []
    assert len(set(KEYS)) == len(KEYS)


def test_every_behaviour_says_what_it_does() -> None:
    assert [name for name, field in Behaviours.model_fields.items() if not field.description] == []


def test_the_page_is_the_ledger() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ENTRIES), (
        "run `python -m callvault.emulator.fidelity_page > docs/emulator-fidelity.md`"
    )
