"""The promise about requests that are repeated word for word: they change nothing.

A pause is asked for anew once it was answered. Under the id of another request a pause and a stop
are taken all the same, and all else is refused.
"""

from collections.abc import Mapping, Sequence

from bench.simulation.instance import Broken
from callvault.contracts import names
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Wanted
from callvault.contracts.status import CallStatus

_PROTECT = (names.PAUSE, names.STOP)

Request = tuple[str, ControlRequest]
"""A request, with its name as a signal or an update."""


class RepeatedRequests:
    """The requests of one life by their ids."""

    def __init__(self) -> None:
        self._first: dict[str, Request] = {}

    def note(self, requests: Sequence[Request], status: CallStatus, before: set[str]) -> None:
        """Take note of requests; ``before`` are the ids that the call knew already."""
        here: dict[str, Request] = {}
        for name, request in requests:
            key = request.request_id or ""
            record = status.requests.get(key)
            # An update that was rejected, with what took its id in the same activation, is nothing.
            if key not in before and record is not None and record.operation == name:
                here.setdefault(key, (name, request))
        self._first |= here

    def check(
        self, told: Request, status: CallStatus, wanted: Mapping[int, Wanted], before: set[str]
    ) -> None:
        """Check what came alone; ``wanted`` is what was wanted of each recording before."""
        name, request = told
        if request.request_id not in before:
            return
        new = [record for key, record in status.requests.items() if key not in before]
        is_same = _content(self._first[request.request_id]) == _content(told)
        is_own = any(record.requested_by == request.requested_by for record in new)
        if is_same and is_own and name != names.PAUSE:
            raise Broken("a request that is repeated is taken for another one")
        # What is declined has waited for consent too long, at this very moment.
        changed = (
            each
            for each in status.recordings
            if each.wanted is not wanted.get(each.number) and not each.declined
        )
        if not any(record.operation in _PROTECT for record in new) and any(changed):
            raise Broken("a request that is repeated changes something")


def _content(request: Request) -> object:
    name, asked = request
    return name, asked.model_copy(update={"requested_at": None})
