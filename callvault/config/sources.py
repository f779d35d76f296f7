"""Sources of the settings: a TOML file and ``CALLVAULT_*`` variables, brought into one tree."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callvault.errors import ConfigurationError

PREFIX = "CALLVAULT_"
DELIMITER = "__"
FILE_VARIABLE = "CALLVAULT_CONFIG"

_SERVICE_LINK = re.compile(
    r"_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)
"""The end of a variable by which Kubernetes tells every container of a Service."""

_IPV6_ADDRESS = re.compile(r"\s*\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]")
"""An address in brackets: in JSON no colon stands in a list like that."""

Tree = dict[str, Any]


def config_path(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the TOML file that ``CALLVAULT_CONFIG`` names, if it names one."""
    name = environment.get(FILE_VARIABLE)
    try:
        return Path(name).expanduser() if name else None
    except RuntimeError as error:
        raise ConfigurationError(
            f"{FILE_VARIABLE}: nobody's home is known by this ~: write an absolute path"
        ) from error


def read_toml(path: Path) -> Tree:
    """Read a TOML file; `ConfigurationError` says which file and line are wrong."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the configuration file {path}: {error.strerror}"
        ) from error
    # ValueError: Python refuses to read thousands of digits as a number.
    except ValueError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error
    except RecursionError:
        raise ConfigurationError(f"{path} is nested deeper than any setting is") from None


def variable(path: tuple[str, ...]) -> str:
    """Return the environment variable of a setting: ``CALLVAULT_LOG__LEVEL`` for ``log.level``."""
    return PREFIX + DELIMITER.join(path).upper()


def setting_variables(environment: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the variables that are meant as settings, each with the path it sets."""
    # Empty variables count as not set: container tools pass on an unset one as empty text.
    return {
        name: tuple(name.removeprefix(PREFIX).lower().split(DELIMITER))
        # Sorted: a table as a whole comes before the variables of its keys, which win.
        for name in sorted(environment)
        if name.startswith(PREFIX) and name != FILE_VARIABLE and environment[name].strip()
        if not _is_service_link(name, environment)
    }


def _is_service_link(name: str, environment: Mapping[str, str]) -> bool:
    # A Service may be named as we are: `callvault-gateway` gives CALLVAULT_GATEWAY_PORT.
    host = "_SERVICE_HOST"
    services = [each.removesuffix(host) for each in environment if each.endswith(host)]
    return any(
        name.startswith(each) and _SERVICE_LINK.fullmatch(name, len(each)) for each in services
    )


def read_environment(environment: Mapping[str, str], paths: Mapping[str, tuple[str, ...]]) -> Tree:
    """Bring the named variables into one tree of settings."""
    tree: Tree = {}
    for name, path in paths.items():
        _place(tree, name, path, _value(name, environment[name]))
    return tree


def _place(tree: Tree, name: str, path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise ConfigurationError(f"{name} contradicts a variable that sets {key} as a whole")
    if isinstance(tree.get(path[-1]), dict) and isinstance(value, dict):
        value = merged(tree[path[-1]], value)
    tree[path[-1]] = value


def _value(name: str, text: str) -> Any:
    """Read a value: a list or table may be spelt in JSON, everything else is plain text."""
    if not text.lstrip().startswith(("[", "{")) or _IPV6_ADDRESS.match(text):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # Neither the text nor its cause, which carries the text: it may be a secret by mistake.
        raise ConfigurationError(
            f"{name} begins like JSON, but is not valid JSON: correct it"
        ) from None


def merged(below: Tree, above: Tree) -> Tree:
    """Merge two trees; where both set the same key, ``above`` wins."""
    result = dict(below)
    for key, value in above.items():
        mine = result.get(key)
        both = isinstance(mine, dict) and isinstance(value, dict)
        result[key] = merged(mine, value) if both and isinstance(mine, dict) else value
    return result


def named_by_references(tree: Any) -> set[str]:
    """Return the variables that secret references (``env:NAME``) anywhere in the tree point to."""
    if isinstance(tree, dict):
        return named_by_references(list(tree.values()))
    if isinstance(tree, list):
        return set().union(*map(named_by_references, tree))
    return set(re.findall(r"\benv:([A-Za-z_]\w*)", tree)) if isinstance(tree, str) else set()
