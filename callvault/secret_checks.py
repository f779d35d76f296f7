"""The checks of every secret of the settings: it is there, and has the form that it must have.

No service is asked: a key that is well formed and wrong is found by `callvault.probes`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from typing import Any

from callvault.acs.credentials import AccessKey, parse_connection_string
from callvault.archive.manifests.keys import Signer
from callvault.azure_storage.clients import StorageAccess, container_client, queue_service_client
from callvault.codec.payload_key import PayloadKey
from callvault.config.settings import Settings
from callvault.config.types import SecretRef, Section
from callvault.config.webhook_keys import webhook_key
from callvault.errors import ConfigurationError

_Check = Callable[[str], object]

_ANY_CONTAINER = "container"


def _connection_string(open_client: Callable[..., Any], *more: str) -> _Check:
    def check(secret: str) -> None:
        with closing(open_client(StorageAccess(connection_string=secret), *more)):
            pass

    return check


def _sas_url(open_client: Callable[..., Any], *more: str) -> _Check:
    def check(secret: str) -> None:
        with closing(open_client(StorageAccess(sas_url=secret), *more)):
            pass

    return check


_BLOBS: dict[str, _Check] = {
    "connection_string": _connection_string(container_client, _ANY_CONTAINER),
    "sas_url": _sas_url(container_client, _ANY_CONTAINER),
    "signing_key": Signer.from_secret,
}

_CHECKS: dict[str, Mapping[str, _Check]] = {
    "resources": {
        "connection_string": parse_connection_string,
        "access_key": AccessKey,
        "announcement_secret": webhook_key,
        "webhook_secrets": webhook_key,
    },
    "archives": _BLOBS,
    "gateway": _BLOBS,
    "dead_letters": _BLOBS,
    "queues": {
        "connection_string": _connection_string(queue_service_client),
        "sas_url": _sas_url(queue_service_client),
    },
    "alarms": {"webhook_secret": webhook_key},
    "checkpoints": {**_BLOBS, "secrets": webhook_key},
    "encryption": {"keys": PayloadKey.from_secret},
}
"""The checks of a secret's form, by the section of the settings and the name of the setting."""


def secret_problems(settings: Settings, sections: Collection[str] = ()) -> dict[str, str]:
    """Return what is wrong with secrets, in a sentence each, by the setting that names them.

    ``sections`` are those of the settings that are looked at; all without any.
    """
    found = {
        where: secret_problem(where, secret)
        for where, secret in secrets_in(settings)
        if not sections or where.partition(".")[0] in sections
    }
    return {where: problem for where, problem in found.items() if problem}


def refuse_unusable_signing_keys(settings: Settings) -> None:
    """Raise `ConfigurationError` unless every signing key can sign: else nothing is ever sealed."""
    for where, secret in secrets_in(settings):
        if where.endswith(".signing_key") and (problem := secret_problem(where, secret)):
            raise ConfigurationError(f"{where}: {problem}")


def secret_problem(where: str, secret: SecretRef) -> str:
    """Return what is wrong with one secret; empty where nothing is. It is never repeated."""
    try:
        text = secret.resolve()
        _check_of(where)(text)
    except ConfigurationError as error:
        return str(error)
    except ValueError:
        # Without its text, which may quote the secret.
        return f"secret {secret} is not of the form that {where} must have: copy it whole"
    return ""


def secrets_in(settings: Settings) -> Iterator[tuple[str, SecretRef]]:
    """Yield the reference to every secret, with the setting that names it."""
    yield from _secrets_in("", settings)


def _secrets_in(where: str, value: object) -> Iterator[tuple[str, SecretRef]]:
    if isinstance(value, SecretRef):
        yield where, value
    elif isinstance(value, Section):
        for name in type(value).model_fields:
            yield from _secrets_in(f"{where}.{name}".lstrip("."), getattr(value, name))
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _secrets_in(f"{where}.{name}", each)
    elif isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from _secrets_in(f"{where}.{number}", each)


def _check_of(where: str) -> _Check:
    section, *names = where.split(".")
    checks = _CHECKS.get(section, {})
    # The last but one, too: of several secrets each is named by its number.
    return next((checks[name] for name in reversed(names[-2:]) if name in checks), len)
