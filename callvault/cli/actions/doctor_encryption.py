"""The checks of `callvault doctor` that look at the keys of payloads: those there, and needed."""

import asyncio
from collections import Counter
from contextlib import suppress

from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from callvault.cli.actions.check_result import CheckResult, Subject
from callvault.codec.encryption import EncryptionCodec
from callvault.codec.keyring import Keyring, Keys
from callvault.codec.payload_key import key_id_of
from callvault.config.encryption import EncryptionSettings
from callvault.errors import CallvaultError, PayloadKeyMissing
from callvault.temporal.executions import list_executions

MAX_LISTED = 1_000
"""Workflows whose memos are looked at, the latest begun first."""

_PROBE = Payload(metadata={"encoding": b"json/plain"}, data=b'"Can these keys decrypt?"')


async def check_encryption(subject: Subject) -> list[CheckResult]:
    """Check that each key is there and decrypts what it encrypts, and that none is missing."""
    settings = subject.settings.encryption
    try:
        keyring = await asyncio.to_thread(Keyring.open, settings)
        keys = await keyring.current()
        await _prove(keyring)
    except CallvaultError as error:
        fix = "Write the key where the setting says, or mend the way to the vault; then try again."
        return [CheckResult("encryption", False, str(error), fix)]
    results = [CheckResult("encryption", True, _found(settings, keys))]
    if subject.client is not None:
        results.append(await _needed(subject.client, keys, settings))
    return results


async def _prove(keyring: Keyring) -> None:
    codec = EncryptionCodec(keyring)
    if await codec.decode(await codec.encode([_PROBE])) != [_PROBE]:
        raise PayloadKeyMissing("what the first key encrypts is not decrypted")


def _found(settings: EncryptionSettings, keys: Keys) -> str:
    if not settings.is_set:
        return "off: Temporal keeps everything readable (encryption.keys)"
    known = ", ".join(keys.by_id)
    if keys.newest is None:
        return f"only decrypts (encryption.encrypt), with {known}"
    return f"key {keys.newest.id} encrypts; decrypting: {known}"


async def _needed(client: Client, keys: Keys, settings: EncryptionSettings) -> CheckResult:
    """Check that the keys of the workflows that Temporal still has are there."""
    name, needed = "encryption keys in use", await _key_ids(client)
    missing = sorted(needed.keys() - keys.by_id.keys() - {*settings.lost_keys})
    if missing:
        told = ", ".join(f"{each} ({needed[each]} workflows)" for each in missing)
        fix = "Add these keys to encryption.keys: without them those calls are minded by nobody."
        return CheckResult(name, False, f"missing: {told}", fix)
    unused = sorted(keys.by_id.keys() - needed.keys())
    used = ", ".join(f"{each} by {count} workflows" for each, count in needed.items())
    spare = f"; not found in use: {', '.join(unused)}" if unused else ""
    return CheckResult(name, True, f"{used or 'none'}{spare}")


async def _key_ids(client: Client) -> Counter[str]:
    """Count the keys that memos are encrypted with, each once for a workflow."""
    found: Counter[str] = Counter()
    with suppress(CallvaultError):
        async for run in list_executions(client, "", limit=MAX_LISTED):
            found.update({id_ for each in run.memo.fields.values() if (id_ := key_id_of(each))})
    return found
