"""Does Temporal take the ids of activities, whatever an event says?"""

import pytest

from callvault.contracts.events import MAX_CHUNK_INDEX
from workflows.call.activity_ids import MAX_DOCUMENT_ID, export_id

MAX_ID = 255
"""Bytes of an id that our own Temporal cluster takes: see deploy/temporal/dynamic-config.yaml."""


@pytest.mark.parametrize("of", ["x", "é", "📼"])
@pytest.mark.parametrize("length", [1, MAX_DOCUMENT_ID, MAX_DOCUMENT_ID + 1, 1_024])
def test_the_id_of_an_export_is_short_and_its_own(of: str, length: int) -> None:
    ids = {export_id(of * length + end, index) for end in "ab" for index in (0, MAX_CHUNK_INDEX)}
    assert len(ids) == 4
    assert max(len(each.encode()) for each in ids) <= MAX_ID


def test_a_document_of_the_service_can_be_read_in_it() -> None:
    document = "0-eus-d12-801b3f3fc462fe8a01e6810cbff729b8"
    assert export_id(document, 3) == f"export {document} 3"
