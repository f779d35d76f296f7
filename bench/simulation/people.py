"""The people in a call and their consent, written plainly, beside `workflows/call/consent.py`."""

from dataclasses import dataclass, field
from datetime import datetime

from callvault.contracts.consent import ConsentPolicy, ConsentTerms

PEOPLE = ("a" * 64, "b" * 64, "c" * 64)
NAMED_PEOPLE = PEOPLE[:2]


@dataclass
class People:
    """The truth about presence and consent."""

    agreed: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    refused_at: dict[str, datetime] = field(default_factory=dict)

    def decide(self, who: str, given: bool, at: datetime) -> bool:
        """Take note of a decision; tell whether it takes back an agreement."""
        self.decided.add(who)
        if given:
            if at >= self.refused_at.get(who, at):
                self.agreed.add(who)
            return False
        had_agreed = who in self.agreed
        self.agreed.discard(who)
        self.refused_at[who] = max(at, self.refused_at.get(who, at))
        return had_agreed

    def move(self, who: str, joined: bool) -> None:
        comes_to, goes_from = (self.there, self.left) if joined else (self.left, self.there)
        comes_to.add(who)
        goes_from.discard(who)

    def agree_to(self, terms: ConsentTerms) -> bool:
        """Tell if a recording on these terms may go on."""
        match terms.consent_policy:
            case ConsentPolicy.ANY_PARTY:
                return bool(self.agreed - self.left)
            case ConsentPolicy.ALL_PARTIES:
                return bool(self.there) and self.there | (self.decided - self.left) <= self.agreed
            case ConsentPolicy.NAMED:
                return set(NAMED_PEOPLE) <= self.agreed
        return True
