"""Immutability policies of single blobs, where the account has version-level immutability."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from azure.storage.blob import BlobProperties, ImmutabilityPolicy

from callvault.archive.names import CHAIN_PREFIX, RECORDINGS_PREFIX

_COVERED = (RECORDINGS_PREFIX, CHAIN_PREFIX)
"""Prefixes of what gets a policy: not the index, whose entries are made anew."""


@dataclass(frozen=True, slots=True)
class Immutability:
    """The policy that each blob of a recording, and each link of the chain, gets at its commit."""

    lasts: timedelta
    mode: Literal["unlocked", "locked"] = "unlocked"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def options(self, object_name: str) -> dict[str, Any]:
        """Return the options of the commit of this object."""
        if not object_name.startswith(_COVERED):
            return {}
        # In the same request: between a commit and a policy set later there would be a gap.
        until = self.now() + self.lasts
        policy = ImmutabilityPolicy(expiry_time=until, policy_mode=self.mode.capitalize())
        return {"immutability_policy": policy}


def immutable_until(properties: BlobProperties) -> datetime | None:
    """Return the end of the immutability policy on a blob; None where it has none."""
    policy = properties.immutability_policy
    return policy.expiry_time if policy is not None else None
