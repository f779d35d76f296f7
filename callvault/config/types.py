"""The small types that settings are made of: durations, endpoints, secrets by reference."""

import codecs
import ipaddress
import os
import re
import string
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    field_validator,
    model_validator,
)

from callvault.errors import ConfigurationError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_REFERENCE = re.compile(r"^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$")


_INVISIBLE_AROUND = string.whitespace + "\0\u00a0\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def _is_invisible(character: str) -> bool:
    # Keys in PEM have lines.
    return not character.isprintable() and character not in "\n\r\t"


class Section(BaseModel):
    """A table of settings: frozen, and a key that is no setting is an error."""

    # Errors repeat no input: a secret may stand where its reference should.
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )


def exactly_one(*keys: str) -> Any:
    """Make the check of a section in which exactly one of these settings must be set."""

    def check(section: Section) -> Section:
        if sum(bool(getattr(section, key)) for key in keys) != 1:
            raise ValueError(f"set exactly one of {', '.join(keys[:-1])} and {keys[-1]}")
        return section

    return model_validator(mode="after")(check)


class SecretRef(RootModel[str]):
    """The place of a secret: ``env:NAME`` or ``file:/absolute/path``. Prints as the reference."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @field_validator("root")
    @classmethod
    def _is_reference(cls, value: str) -> str:
        if not _REFERENCE.match(value) or "\0" in value:
            raise ValueError("write env:NAME or file:/absolute/path, never the secret itself")
        return value

    @property
    def environment_variable(self) -> str | None:
        """The variable that holds the secret; None for a file."""
        kind, _, place = self.root.partition(":")
        return place if kind == "env" else None

    def resolve(self) -> str:
        """Read the secret itself now; `ConfigurationError` where there is none."""
        kind, _, place = self.root.partition(":")
        # At each use: a secret in a file may be replaced while the process runs.
        secret = os.environ.get(place, "") if kind == "env" else self._read(Path(place))
        # Files of secrets mostly end with a line break, and some begin with a byte order mark.
        secret = secret.strip(_INVISIBLE_AROUND)
        if not secret:
            raise ConfigurationError(f"secret {self.root} is missing or empty: provide it")
        if odd := next(filter(_is_invisible, secret), None):
            raise ConfigurationError(
                f"secret {self.root} holds an invisible character (U+{ord(odd):04X}), which fits"
                " nothing that is sent: write it anew, without it"
            )
        return secret

    def _read(self, path: Path) -> str:
        try:
            content = path.read_bytes()
            # Windows PowerShell writes UTF-16.
            is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            return content.decode("utf-16" if is_utf16 else "utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"secret {self.root} cannot be read: {error}") from error

    def __str__(self) -> str:
        return self.root

    def __repr__(self) -> str:
        return f"SecretRef({self.root!r})"


def is_loopback(host: str) -> bool:
    """Return True if a host name or address never leaves this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _duration(value: Any) -> Any:
    """Read ``48h`` (s, m, h, d); leave ISO 8601 (``PT48H``) to pydantic."""
    if not isinstance(value, str):
        return value
    if simple := re.fullmatch(r"(\d+)\s*([smhd])", value.strip().lower()):
        try:
            return timedelta(**{_UNITS[simple[2]]: int(simple[1])})
        # ValueError: Python refuses to read thousands of digits as a number.
        except (OverflowError, ValueError) as error:
            raise ValueError("is longer than any calendar") from error
    if not value.strip().upper().startswith("P"):
        raise ValueError('write a number with a unit, as "48h", or ISO 8601, as "PT48H"')
    return value


def is_secure(url: SplitResult) -> bool:
    """Return True if nobody between can read or change what is sent to a URL."""
    return url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or ""))


def _url(value: str) -> str:
    url = _parts(value)
    if not is_secure(url):
        raise ValueError("write https://host (http:// only for this machine, 127.0.0.1)")
    _refuse_secrets(url, url.query)
    return value.rstrip("/")


def _link(value: str) -> str:
    """Check the address of a page that people open: nothing is sent there from here."""
    url = _page(value)
    _refuse_secrets(url, url.query)
    return value.rstrip("/")


def _page_link(value: str) -> str:
    _refuse_secrets(_page(value))
    return value


def _page(value: str) -> SplitResult:
    url = _parts(value)
    if url.scheme not in ("http", "https"):
        raise ValueError("write https://host or http://host")
    return url


def _refuse_secrets(url: SplitResult, query: str = "") -> None:
    # They may hold a secret, and settings are printed.
    if "@" in url.netloc:
        raise ValueError("write https://host/path, without the user name before the @")
    if query:
        raise ValueError("write https://host/path, without the query after the ?")
    if url.fragment:
        raise ValueError("write https://host/path, without the fragment after the #")


def _parts(value: str) -> SplitResult:
    """Take a URL apart; `ValueError`, without the URL, for one that no request can be made of."""
    with suppress(ValueError):
        url = urlsplit(value)
        if url.hostname and url.port != 0 and not re.search(r"[\s\0]", value):
            return url
    raise ValueError("write https://host or https://host:port, with a port from 1 to 65535")


def _endpoint(value: str) -> str:
    if _parts(value).path.strip("/"):
        raise ValueError("write https://host, without a path")
    return _url(value)


def _absolute(value: Path) -> Path:
    try:
        path = value.expanduser()
    except RuntimeError as error:
        raise ValueError("nobody's home is known by this ~: write an absolute path") from error
    if not path.is_absolute() or "\0" in str(path):
        raise ValueError("write an absolute path, beginning with / or ~, without NULs")
    return path


def split(value: Any) -> Any:
    """Split a list that is spelt with commas, as environment variables spell it."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _optional(value: Any) -> Any:
    return None if isinstance(value, str) and value.lower() == "none" else value


def _bind_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    # Temporal's runtime listens there, which looks up no names.
    if not _is_address(host) or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535:
        raise ValueError(
            'write an IP address and a port, as "127.0.0.1:9464" or "[::1]:9464", or "none"'
        )
    return value


def _is_address(host: str) -> bool:
    bare = host.removeprefix("[").removesuffix("]")
    try:
        version = ipaddress.ip_address(bare).version
    except ValueError:
        return False
    return host == (bare if version == 4 else f"[{bare}]")


def _matching(pattern: str, advice: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(advice)
        return value

    return check


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Lower case letters, digits and hyphens, as in `callvault.contracts.requests.ResourceName`."""

NotBlank = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]
"""A text that says something."""

Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
"""A time span: ``48h`` (units s, m, h, d) or ISO 8601 (``PT48H``)."""

Durations = Annotated[tuple[Duration, ...], BeforeValidator(split)]

Url = Annotated[str, AfterValidator(_url)]
"""``https://host/path``, or ``http://`` on loopback; without a slash at the end."""

Link = Annotated[str, AfterValidator(_link)]
"""The address of pages that people open, ``https://`` or ``http://``, to which paths are added."""

PageLink = Annotated[str, AfterValidator(_page_link)]
"""The address of one page that people open, perhaps with a query."""

KeyUrl = Annotated[
    Url,
    AfterValidator(
        _matching(
            r"https?://[^/]+/keys/[A-Za-z0-9-]{1,127}(/[0-9a-fA-F]{32})?",
            "write https://VAULT.vault.azure.net/keys/NAME, or with /VERSION",
        )
    ),
]
"""A key in Azure Key Vault, or one version of it."""

Urls = Annotated[tuple[Url, ...], BeforeValidator(split)]

Endpoint = Annotated[str, AfterValidator(_endpoint)]
"""`Url` without a path."""

AbsolutePath = Annotated[Path, AfterValidator(_absolute)]

AbsolutePaths = Annotated[tuple[AbsolutePath, ...], BeforeValidator(split)]

SecretRefs = Annotated[tuple[SecretRef, ...], BeforeValidator(split)]

CallRole = Literal["control", "read", "consent", "loosen", "decode"]
"""A right over calls while they are recorded, and over their histories."""

PrivacyRole = Literal["listen", "privacy", "hold", "erase"]
"""A right over what was recorded. Whoever has one is named: it is in the archive's access log."""

Role = Literal[CallRole, PrivacyRole]
"""A right of a caller of the gateway."""

Names = Annotated[tuple[Name, ...], BeforeValidator(split)]

Roles = Annotated[tuple[Role, ...], BeforeValidator(split), Field(min_length=1)]

Rate = Annotated[
    Annotated[
        str,
        AfterValidator(
            _matching(
                r"[1-9][0-9]{0,8}/(second|minute|hour)", 'write requests/time, as "100/second"'
            )
        ),
    ]
    | None,
    BeforeValidator(_optional),
]
"""A number of requests in a second, minute or hour; none for no limit."""

HostName = Annotated[
    str,
    AfterValidator(_matching(r"[A-Za-z0-9._\[\]:-]+", "write an exact host name, or host:port")),
]
Origin = Annotated[
    str,
    AfterValidator(
        _matching(
            r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?",
            "write an origin as browsers do, https://host or https://host:port in lower case",
        )
    ),
]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(split)]

HostNames = Annotated[tuple[HostName, ...], BeforeValidator(split)]

Topic = Annotated[
    str,
    AfterValidator(_matching(r"/\S+", "write the Azure resource id, /subscriptions/…")),
]

BindAddress = Annotated[
    Annotated[str, AfterValidator(_bind_address)] | None, BeforeValidator(_optional)
]
