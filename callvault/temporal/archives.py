"""The ids of the archives, remembered in the Temporal namespace, beside the calls that they keep.

`callvault setup` writes them, workers read them: so an archive that is gone is told from one that
was never made, and workers that mean different places by one name are told apart.
"""

from collections.abc import Mapping

from temporalio.api.namespace.v1 import UpdateNamespaceInfo
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.errors import ConfigurationError, Unavailable
from callvault.temporal.rpc_errors import RPC_TIMEOUT, translated

_KEY = "callvault.archive."


async def remembered_archives(client: Client) -> dict[str, str]:
    """Return the id of each archive that `callvault setup` has made or found, by name.

    `Unavailable` where Temporal does not answer in time. None where Temporal does not let this
    client ask: then only the settings name ids.
    """
    request = DescribeNamespaceRequest(namespace=client.namespace)
    async with translated(RPC_TIMEOUT):
        try:
            answer = await client.workflow_service.describe_namespace(request, timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED):
                return {}
            raise Unavailable(
                f"Temporal does not describe its namespace {client.namespace}: {error.message}",
                owner="callvault",
                code=error.status.name,
            ) from error
    data: Mapping[str, str] = answer.namespace_info.data
    return {key.removeprefix(_KEY): id_ for key, id_ in data.items() if key.startswith(_KEY)}


async def remember_archive(client: Client, name: str, archive_id: str) -> None:
    """Remember the id of an archive; `ConfigurationError` where Temporal does not allow that."""
    # The server adds these data to those that the namespace has.
    info = UpdateNamespaceInfo(data={f"{_KEY}{name}": archive_id})
    request = UpdateNamespaceRequest(namespace=client.namespace, update_info=info)
    async with translated(RPC_TIMEOUT):
        try:
            await client.workflow_service.update_namespace(request, timeout=RPC_TIMEOUT)
        except RPCError as error:
            raise ConfigurationError(
                f"Temporal does not let this client remember the id of archive {name}"
                f' ({error.message}): set archives.{name}.id = "{archive_id}"'
            ) from error
