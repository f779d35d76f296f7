"""Legal holds: write one, or its release, into every archive of the settings."""

from collections.abc import Callable, Collection
from typing import Any

from temporalio import activity

from activities.clock import server_clock
from activities.heartbeat import background_heartbeat
from activities.translate import translated
from callvault import legal_holds
from callvault.contracts.hold_messages import HoldOrder, ReleaseOrder, WrittenHold
from callvault.errors import InvalidRequest
from callvault.logged_archives import LoggedArchive


class LegalHoldActivities:
    """Built once by a worker of exports, with its archives and their access logs."""

    def __init__(self, archives: Collection[str], opened: Callable[[str], LoggedArchive]) -> None:
        self._archives = archives
        self._opened = opened

    @property
    def all(self) -> list[Callable[..., Any]]:
        """All activities, for a worker."""
        return [self.place_legal_hold, self.release_legal_hold]

    @activity.defn(no_thread_cancel_exception=True)
    def place_legal_hold(self, order: HoldOrder) -> WrittenHold:
        """Place a hold in every archive; repeated it finds what is placed."""
        now = server_clock()
        with translated(retry_permanent=True), background_heartbeat():
            said = legal_holds.said(order.requested_by, order.authenticated_as, order.reason)
            placed = legal_holds.place(
                self._all(),
                order.target,
                said,
                resource=order.resource,
                now=now,
                since=order.asked_at,
            )
            return WrittenHold(id=placed[0].id, archives=tuple(each.archive for each in placed))

    @activity.defn(no_thread_cancel_exception=True)
    def release_legal_hold(self, order: ReleaseOrder) -> WrittenHold:
        """Release a hold in every archive that has it; repeated it finds what is released."""
        now = server_clock()
        with translated(retry_permanent=True), background_heartbeat():
            said = legal_holds.said(order.requested_by, order.authenticated_as, order.reason)
            try:
                released = legal_holds.release(self._all(), order.hold, said, now)
            except InvalidRequest:  # it was removed: `callvault verify` tells of it
                return WrittenHold(id=order.hold, archives=())
            return WrittenHold(id=order.hold, archives=tuple(each.archive for each in released))

    def _all(self) -> list[LoggedArchive]:
        return [self._opened(name) for name in sorted(self._archives)]
