"""Callers of the control API: the keys and tokens they present, their roles, their rate limit."""

import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_args

from fastapi import Request
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from pydantic import TypeAdapter, ValidationError

from callvault.config.gateway import GatewaySettings, OidcSettings
from callvault.config.types import CallRole, Role
from callvault.contracts import names
from callvault.contracts.base import MAX_CALLER_NAME, MAX_TEXT, shorten
from callvault.contracts.printable import printable
from callvault.contracts.requests import ResourceName
from callvault.errors import AccessDenied, Throttled
from callvault.gateway.path_parts import CALL_PARAMETER
from callvault.gateway.shared_secrets import (
    MAX_PRESENTED,
    SharedSecrets,
    presented_in,
    refuse_cross_site,
)
from callvault.gateway.tokens import TokenValidator
from callvault.temporal.rpc_errors import unknown_call

CALL_ROLES: frozenset[Role] = frozenset(get_args(CallRole))
"""The rights of callers without a name: what is done with recordings needs one."""

_RESOURCE_NAME = TypeAdapter[str](ResourceName)

ResourceOf = Callable[[str], Awaitable[str | None]]
"""Finds the resource of a call by its workflow's id; None for an unknown call."""
PAGE_RATE = "6000/minute"
"""Requests of one caller to decode: a page of the Web UI sends one for each payload, at once."""

DECODE_IS_FOR_ALL = "payloads do not tell whose they are: decode is for callers of all resources"


@dataclass(frozen=True)
class Caller:
    """A caller that was let in."""

    roles: frozenset[Role]
    name: str | None = None
    """The caller's name, where a request has no requester; None if the key has none."""
    account: str = ""
    """The account that the caller's requests are counted under."""
    resources: frozenset[str] | None = None
    """The resources whose calls there are for the caller; None for all."""

    @property
    def authenticated_as(self) -> str:
        """The key or token, for the evidence; empty where none is asked for."""
        return _evident(self.account, MAX_CALLER_NAME)

    def sees(self, resource: str | None) -> bool:
        """Tell if there are calls of a resource for this caller."""
        return self.resources is None or resource in self.resources

    def require_resource(self, resource: str) -> None:
        """Raise `AccessDenied` unless there are calls of this resource for the caller."""
        if not self.sees(resource):
            raise AccessDenied(
                f"{self._who} may not use resource {shorten(resource, 100)}: name it in"
                " gateway.keys, or in the token's resources",
                status=403,
                code="resource_denied",
            )

    def require_every_resource(self, why: str) -> None:
        """Raise `AccessDenied` for a caller who is bound to resources; ``why`` is a clause."""
        if self.resources is not None:
            raise AccessDenied(
                f"{self._who} is bound to resources, and {why}",
                status=403,
                code="resource_denied",
            )

    @property
    def _who(self) -> str:
        return shorten(self.name or self.authenticated_as or "this caller", 100)

    def require(self, role: Role, why: str = "") -> None:
        """Raise `AccessDenied` unless the caller has the role; ``why`` says what for."""
        if role in self.roles:
            return
        raise AccessDenied(
            f"{self._who} lacks the role {role}{why}: give it in gateway.keys, or in the token's"
            " roles",
            status=403,
            code="role_missing",
        )


class Access:
    """Lets callers in, each as far as its roles and resources go, and up to its rate limit."""

    def __init__(self, gateway: GatewaySettings, resource_of: ResourceOf) -> None:
        self._resource_of = resource_of
        self._is_open = not gateway.authenticates_callers
        self._keys = [
            (
                SharedSecrets(key.secret),
                Caller(frozenset(key.roles), name, f"key {name}", frozenset(key.resources) or None),
            )
            for name, key in gateway.keys.items()
        ]
        self._keys += [
            (SharedSecrets([key]), Caller(CALL_ROLES, account=f"api key {number}"))
            for number, key in enumerate(gateway.api_keys)
        ]
        self._tokens = _TokenCallers(gateway.oidc) if gateway.oidc else None
        self._limiter = RateLimiter(gateway.rate_limit)
        self._page_limiter = RateLimiter(gateway.rate_limit and PAGE_RATE)

    def requires(
        self, role: Role, origins: Collection[str] = ()
    ) -> Callable[[Request], Awaitable[None]]:
        """Return a dependency that lets only callers with this role pass; see `caller_of`.

        Where the path names a call, it is unknown to who does not see its resource: no route has
        to look at that by itself. Where callers have no keys, pages of ``origins`` pass too.
        """

        async def check(request: Request) -> None:
            caller = await self._caller(request, origins)
            # Counted before the role is looked at: refusals cost us something, too.
            limiter = self._page_limiter if role == "decode" else self._limiter
            limiter.count(caller.account)
            caller.require(role)
            if role == "decode":
                caller.require_every_resource(DECODE_IS_FOR_ALL)
            await self._require_sight(caller, request.path_params.get(CALL_PARAMETER))
            request.state.caller = caller

        return check

    async def _require_sight(self, caller: Caller, workflow_id: str | None) -> None:
        if caller.resources is None or not names.is_workflow_id(workflow_id or ""):
            return
        resource = await self._resource_of(str(workflow_id))
        # One that nobody keeps is for the route to judge: a decision may come before the call.
        if resource is not None and not caller.sees(resource):
            raise unknown_call(str(workflow_id))

    async def _caller(self, request: Request, origins: Collection[str]) -> Caller:
        if self._is_open:
            refuse_cross_site(request, origins)
            return Caller(CALL_ROLES)
        tokens = bearer_tokens(request)
        # A wrong key beside the right one does no harm, in whichever header either stands.
        presented = [*presented_in(request, "x-api-key"), *map(as_sent, tokens)]
        # Every key is compared, even after one has fitted: the time must not tell which.
        known = [caller for secrets, caller in self._keys if secrets.accept(*presented)]
        if known:
            return known[0]
        if tokens and self._tokens:
            return await self._tokens.caller(tokens[0])
        raise AccessDenied("send an API key: Authorization: Bearer KEY, or x-api-key: KEY")


class _TokenCallers:
    """Callers known by a token, whose claims are read as the settings say."""

    def __init__(self, oidc: OidcSettings) -> None:
        self._validator = TokenValidator(oidc.issuer, oidc.configuration_url, [oidc.audience])
        self._roles_claim = oidc.roles_claim
        self._name_claim = oidc.name_claim
        self._resources_claim = oidc.resources_claim
        self._roles: Mapping[Role, str] = {
            "control": oidc.control_role,
            "read": oidc.read_role,
            "consent": oidc.consent_role,
            "loosen": oidc.loosen_role,
            "listen": oidc.listen_role,
            "privacy": oidc.privacy_role,
            "hold": oidc.hold_role,
            "erase": oidc.erase_role,
            "decode": oidc.decode_role,
        }

    async def caller(self, token: str) -> Caller:
        claims = await self._validator.claims(token)
        said = _values_of(claims.get(self._roles_claim))
        roles = frozenset(role for role, value in self._roles.items() if value in said)
        name = claims.get(self._name_claim)
        known = _evident(name, MAX_TEXT) if isinstance(name, str) and name else None
        return Caller(roles, known, f"token {claims.get('sub') or known}", self._seen_by(claims))

    def _seen_by(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        if self._resources_claim is None:
            return None
        said = _values_of(claims.get(self._resources_claim))
        # Groups of people may be among them, with names of any form.
        return frozenset(filter(_is_resource_name, said))


def _evident(text: str, limit: int) -> str:
    """Bound a text of a token, and make it inert: people read it, and payloads must hold it."""
    return shorten(printable(text), limit)


def _is_resource_name(said: Any) -> bool:
    try:
        _RESOURCE_NAME.validate_python(said)
    except ValidationError:
        return False
    return True


def _values_of(claim: Any) -> list[Any]:
    """Split a claim: roles come as a list, scopes as one text with spaces."""
    if isinstance(claim, str):
        return claim.split()
    return claim if isinstance(claim, list) else []


class RateLimiter:
    """Counts each caller's requests in a sliding window, in memory: each gateway by itself."""

    def __init__(self, limit: str | None) -> None:
        """``limit`` is spelt ``100/second``; None for no limit."""
        self._limit = parse(limit) if limit else None
        self._counter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, account: str) -> None:
        """Count one request; raise `Throttled` if it exceeds the limit."""
        if self._limit is None or self._counter.hit(self._limit, account):
            return
        free_at = self._counter.get_window_stats(self._limit, account).reset_time
        wait = max(1, math.ceil(free_at - time.time()))
        raise Throttled(
            f"more than {self._limit}: ask again in {wait} s, or raise gateway.rate_limit",
            owner="caller",
            status=429,
            code="too_many_requests",
            retry_after=timedelta(seconds=wait),
        )


def bearer_tokens(request: Request) -> list[str]:
    """Return the tokens or keys that ``Authorization: Bearer`` carries."""
    lines = [line.partition(" ") for line in request.headers.getlist("authorization")]
    tokens = [token.strip() for scheme, _, token in lines if scheme.lower() == "bearer"]
    return [token for token in tokens if token][:MAX_PRESENTED]


def bearer_token(request: Request) -> str | None:
    """Return the first of `bearer_tokens`; None if there is none."""
    return next(iter(bearer_tokens(request)), None)


def as_sent(value: str) -> bytes:
    """Return a header's value as the bytes that were sent."""
    return value.encode("latin-1")


def caller_of(request: Request) -> Caller:
    """Return the caller that `Access.requires` let in."""
    caller: Caller = request.state.caller
    return caller
