"""Is what was called off begun again once it is needed again?"""

from datetime import timedelta

from bench.simulation import protocol
from bench.simulation.server import Activity, Server
from callvault.contracts import names
from callvault.contracts.events import RecordingChunk
from tests.unit.call import chunk, event

from .calls import recorded, stops

OVERDUE = timedelta(minutes=20)


def announces(server: Server, *chunks: RecordingChunk) -> None:
    told = protocol.payload(event(*chunks, of="r"))
    server.deliver(protocol.signal(names.FILE_STATUS_UPDATED, [told]))


def polls(server: Server) -> list[Activity]:
    return [each for each in server.activities.values() if each.kind == "poll_result"]


def test_the_result_is_polled_again_where_files_turn_out_to_be_missing() -> None:
    """Called off, the poll was taken for one that ACS refuses, and nobody asked any more."""
    server = recorded(polls_result=True)
    stops(server)
    server.pass_time(OVERDUE)
    [poll] = polls(server)
    announces(server, chunk(0))
    assert poll.is_cancelled, "all files are known"
    announces(server, chunk(2))
    [again] = polls(server)
    assert again is not poll
