"""Who calls the control API, and what may they do: keys with roles, and tokens."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from fastapi import Request

from callvault.config.gateway import GatewaySettings, OidcSettings
from callvault.config.types import Role
from callvault.contracts.base import MAX_TEXT, shorten
from callvault.errors import AccessDenied
from callvault.gateway.browsers import refuse_web_pages
from callvault.gateway.rates import Rates
from callvault.gateway.shared_secrets import SharedSecrets
from callvault.gateway.tokens import TokenValidator

EVERY_ROLE: frozenset[Role] = frozenset(get_args(Role))


@dataclass(frozen=True)
class Caller:
    """Somebody who was let in."""

    roles: frozenset[Role]
    name: str | None = None
    """Who it is, for the evidence; None where the key does not say."""
    account: str = ""
    """What its requests are counted under."""


class Access:
    """Lets callers in, each as far as its roles go, and not more often than agreed."""

    def __init__(self, gateway: GatewaySettings) -> None:
        self._is_open = not gateway.knows_callers
        self._keys = [
            (SharedSecrets(key.secret), Caller(frozenset(key.roles), name, f"key {name}"))
            for name, key in gateway.keys.items()
        ]
        self._keys += [
            (SharedSecrets([key]), Caller(EVERY_ROLE, account=f"api key {number}"))
            for number, key in enumerate(gateway.api_keys)
        ]
        self._tokens = _TokenCallers(gateway.oidc) if gateway.oidc else None
        self._rates = Rates(gateway.rate_limit)

    def requires(self, role: Role) -> Callable[[Request], Awaitable[None]]:
        """A dependency that lets only callers with this role pass; `caller_of` tells who it was."""

        async def check(request: Request) -> None:
            caller = await self._caller(request)
            self._rates.count(caller.account)
            if role not in caller.roles:
                who = caller.name or "this caller"
                raise AccessDenied(
                    f"{shorten(who, 100)} lacks the role {role}: give it in gateway.keys, or in"
                    " the token's roles",
                    status=403,
                    code="role_missing",
                )
            request.state.caller = caller

        return check

    async def _caller(self, request: Request) -> Caller:
        if self._is_open:
            refuse_web_pages(request)
            return Caller(EVERY_ROLE)
        token = bearer(request)
        presented = request.headers.get("x-api-key") or token
        # Every key is compared, whichever fits: the time tells nothing.
        known = [caller for secrets, caller in self._keys if secrets.accept(presented)]
        if known:
            return known[0]
        if token and self._tokens:
            return await self._tokens.caller(token)
        raise AccessDenied("send an API key: Authorization: Bearer KEY, or x-api-key: KEY")


class _TokenCallers:
    """Callers known by a token, as the settings read its claims."""

    def __init__(self, oidc: OidcSettings) -> None:
        self._validator = TokenValidator(oidc.issuer, oidc.configuration_url, [oidc.audience])
        self._roles_claim = oidc.roles_claim
        self._name_claim = oidc.name_claim
        self._roles: Mapping[str, Role] = {
            oidc.control_role: "control",
            oidc.read_role: "read",
            oidc.consent_role: "consent",
        }

    async def caller(self, token: str) -> Caller:
        claims = await self._validator.claims(token)
        said = _listed(claims.get(self._roles_claim))
        roles = frozenset(role for value, role in self._roles.items() if value in said)
        name = claims.get(self._name_claim)
        known = shorten(name, MAX_TEXT) if isinstance(name, str) and name else None
        return Caller(roles, known, f"token {claims.get('sub') or known}")


def _listed(claim: Any) -> list[Any]:
    """Roles come as a list, scopes as one text with spaces."""
    if isinstance(claim, str):
        return claim.split()
    return claim if isinstance(claim, list) else []


def bearer(request: Request) -> str | None:
    """What ``Authorization: Bearer`` carries."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def caller_of(request: Request) -> Caller:
    """Who was let in by `Access.requires`."""
    caller: Caller = request.state.caller
    return caller
