"""The people in a call and their consent, written plainly, beside `workflows/call/consent.py`."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from callvault.contracts.consent import ConsentPolicy, ConsentTerms

PEOPLE = ("a" * 64, "b" * 64, "c" * 64)
NAMED_PEOPLE = PEOPLE[:2]
CLOCKS_DIFFER = timedelta(minutes=5)

_SOME_DEVICE = ""
"""The device of somebody who is told to be there: nobody knows which it is."""


@dataclass
class People:
    """The truth about presence and consent."""

    agreed: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)
    refusals: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """By participant: the latest times at which each of the refusals can have been decided."""
    devices: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By participant: those that are connected."""
    seen: set[tuple[str, str]] = field(default_factory=set)
    """Every participant with every device that was ever told of."""
    doubtful: set[str] = field(default_factory=set)
    """Those one of whose devices has left, and may have been the one that nobody knows."""

    def decide(self, who: str, given: bool, decided_at: datetime, told_at: datetime) -> bool:
        """Take note of a decision; tell whether it is a refusal."""
        self.decided.add(who)
        if not given:
            self.agreed.discard(who)
            self.refusals[who].append(min(told_at, decided_at + CLOCKS_DIFFER))
        elif all(decided_at > refused_at for refused_at in self.refusals[who]):
            self.agreed.add(who)
        return not given

    def named(self, who: str) -> None:
        """Take note that a request names somebody who is there."""
        if who not in self.here:
            self.move(who, True, _SOME_DEVICE)

    def move(self, who: str, joined: bool, device: str) -> None:
        """Take note of a coming or going; without a device, of the person."""
        is_known = (who, device) in self.seen
        self.seen.add((who, device))
        if joined:
            self._comes(who, device)
        elif device == _SOME_DEVICE:
            self.devices[who].clear()
        elif device in self.devices[who] or not is_known:
            self.devices[who].discard(device)
            self.doubtful.add(who)
        if _SOME_DEVICE not in self.devices[who]:
            self.doubtful.discard(who)

    def _comes(self, who: str, device: str) -> None:
        if device == _SOME_DEVICE:
            self.doubtful.discard(who)
        if device != _SOME_DEVICE or not self.devices[who]:
            self.devices[who].add(device)

    @property
    def perhaps_here(self) -> set[str]:
        return {who for who, devices in self.devices.items() if devices}

    @property
    def here(self) -> set[str]:
        only_some = {who for who in self.doubtful if self.devices[who] == {_SOME_DEVICE}}
        return self.perhaps_here - only_some

    @property
    def objectors(self) -> set[str]:
        gone = {who for who, _ in self.seen} - self.perhaps_here
        return self.decided - self.agreed - gone

    def agree_to(self, terms: ConsentTerms) -> bool:
        """Tell if a recording on these terms may go on."""
        if terms.consent_policy in (None, ConsentPolicy.NONE):
            return True
        if self.objectors:
            return False
        match terms.consent_policy:
            case ConsentPolicy.ANY_PARTY:
                return bool(self.agreed & self.here)
            case ConsentPolicy.ALL_PARTIES:
                return bool(self.perhaps_here) and self.perhaps_here <= self.agreed
            case _:
                return set(NAMED_PEOPLE) <= self.agreed
