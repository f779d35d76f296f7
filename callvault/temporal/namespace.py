"""The search attributes that a Temporal namespace must know before Callvault can work in it."""

from collections.abc import Mapping

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from callvault.contracts import names
from callvault.errors import ConfigurationError, Unavailable

_REQUIRED = {key.name: int(key.indexed_value_type) for key in names.SEARCH_ATTRIBUTES}


async def register_search_attributes(client: Client) -> list[str]:
    """Register the missing search attributes and return their names; repeating changes nothing.

    Raises `ConfigurationError` where an attribute of that name has another type, `Unavailable`
    where Temporal does not answer or does not let this client register (Temporal Cloud: use
    ``tcld namespace search-attributes add``).
    """
    missing = await missing_search_attributes(client)
    if missing:
        attributes = {name: IndexedValueType.ValueType(_REQUIRED[name]) for name in missing}
        request = AddSearchAttributesRequest(
            search_attributes=attributes, namespace=client.namespace
        )
        try:
            await client.operator_service.add_search_attributes(request)
        except RPCError as error:
            raise _refused(error) from error
    return missing


async def missing_search_attributes(client: Client) -> list[str]:
    """Return the names of the search attributes that the namespace does not know yet."""
    known = await _known(client)
    for name, wanted in _REQUIRED.items():
        if name in known and known[name] != wanted:
            raise ConfigurationError(
                f"search attribute {name} of namespace {client.namespace} has another type than "
                f"{IndexedValueType.Name(IndexedValueType.ValueType(wanted))}: remove it and run "
                "`callvault setup` again"
            )
    return sorted(_REQUIRED.keys() - known.keys())


async def unusable_search_attributes(client: Client) -> list[str]:
    """Return the names of those that the server would refuse: unknown, or of another type."""
    known = await _known(client)
    return sorted(name for name, wanted in _REQUIRED.items() if known.get(name) != wanted)


async def _known(client: Client) -> Mapping[str, int]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        return (await client.operator_service.list_search_attributes(request)).custom_attributes
    except RPCError as error:
        raise _refused(error) from error


def _refused(error: RPCError) -> Unavailable:
    return Unavailable(
        f"Temporal refused a request about search attributes: {error.message}",
        owner="callvault",
        code=error.status.name,
    )
