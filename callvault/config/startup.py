"""What a process checks of its settings and its environment before it begins.

A wrong secret of a webhook or a proxy that cannot be used would otherwise show only when an alarm
is to be sent, or a token to be checked.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from callvault.config.settings import Settings
from callvault.config.storage import AzureBlobSettings
from callvault.config.types import SecretRef
from callvault.config.webhook_keys import webhook_key
from callvault.errors import ConfigurationError
from callvault.proxies import proxy_for

_PORTS = {"https": 443, "http": 80}


def check_at_start(settings: Settings) -> None:
    """Raise `ConfigurationError` for what would fail only later."""
    for where, secret in _webhook_secrets(settings):
        try:
            webhook_key(secret.resolve())
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}") from None
    for url in _addresses(settings):
        address = urlsplit(url)
        port = address.port or _PORTS.get(address.scheme, 0)
        proxy_for(address.scheme, address.hostname or "", port)


def _webhook_secrets(settings: Settings) -> Iterator[tuple[str, SecretRef]]:
    if secret := settings.alarms.webhook_secret:
        yield "alarms.webhook_secret", secret
    for name, resource in settings.resources.items():
        if secret := resource.announcement_secret:
            yield f"resources.{name}.announcement_secret", secret


def _addresses(settings: Settings) -> Iterator[str]:
    for resource in settings.resources.values():
        yield resource.endpoint
    for archive in settings.archives.values():
        if isinstance(archive, AzureBlobSettings) and archive.account_url:
            yield archive.account_url
    if settings.gateway.oidc:
        yield settings.gateway.oidc.configuration_url
