"""Do `callvault doctor` and the processes tell of a key by its name, and of its absence?"""

from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload

from callvault.cli.actions.check_result import Subject
from callvault.cli.actions.doctor_encryption import check_encryption
from callvault.clocks import Clocks
from callvault.codec.encryption import EncryptionCodec, codec_of
from callvault.codec.key_sources import SecretKeys, sources_of
from callvault.codec.key_vault import KeyVaultKeys
from callvault.codec.payload_key import KEY_ID, PayloadKey
from callvault.config.encryption import EncryptionSettings
from callvault.config.settings import Settings
from callvault.errors import ConfigurationError, PayloadKeyMissing
from callvault.gateway.secret_watch import SecretWatch
from callvault.problems import Problems
from callvault.secret_checks import secret_problems
from callvault.temporal.client import connect
from tests.codec.conftest import new_key
from workers.watch import Watch

PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b"1")


def configured(**encryption: Any) -> Settings:
    return Settings.model_validate({"encryption": encryption})


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text(new_key())
    return tmp_path / "key"


async def found(settings: Settings) -> tuple[bool, str]:
    [result] = await check_encryption(Subject(settings))
    return result.is_ok, result.found


async def test_the_doctor_names_the_key_that_encrypts_and_those_that_decrypt(
    key: Path, tmp_path: Path
) -> None:
    (tmp_path / "old").write_text(new_key())
    ids = [PayloadKey.from_secret(each.read_text()).id for each in (key, tmp_path / "old")]
    keys = [f"file:{key}", f"file:{tmp_path / 'old'}"]
    told = f"key {ids[0]} encrypts; decrypting: {ids[0]}, {ids[1]}"
    assert await found(configured(keys=keys)) == (True, told)
    is_ok, said = await found(configured(keys=keys, encrypt=False))
    assert (is_ok, said.startswith("only decrypts")) == (True, True)
    assert (await found(configured()))[1].startswith("off: Temporal keeps everything readable")


@pytest.fixture
def garbage(tmp_path: Path) -> Path:
    (tmp_path / "garbage").write_text("hunter2")
    return tmp_path / "garbage"


async def test_a_key_that_cannot_be_used_fails_the_check_and_the_start(garbage: Path) -> None:
    settings = configured(keys=[f"file:{garbage}"])
    is_ok, said = await found(settings)
    assert not is_ok
    assert "openssl rand -base64 32" in said
    with pytest.raises(ConfigurationError, match="not 32 bytes in base64"):
        await connect(settings, lazy=True)


def test_a_key_that_is_replaced_by_garbage_is_told_by_its_setting(key: Path) -> None:
    settings = configured(keys=[f"file:{key}"])
    assert secret_problems(settings, ("encryption",)) == {}
    key.write_text("hunter2")
    [(where, problem)] = secret_problems(settings, ("encryption",)).items()
    assert where == "encryption.keys.0"
    assert "not 32 bytes in base64" in problem
    assert "hunter2" not in problem


def test_with_a_vault_the_keys_beside_it_only_decrypt() -> None:
    vault = {"url": "https://contoso.vault.azure.net", "secret": "payload-keys"}
    told = EncryptionSettings.model_validate({"key_vault": vault, "keys": ["env:OLD"]})
    assert list(map(type, sources_of(told))) == [KeyVaultKeys, SecretKeys]


def test_encrypt_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="encrypt needs a key"):
        configured(encrypt=True)


async def test_a_process_without_keys_takes_nothing_encrypted_for_unreadable(key: Path) -> None:
    """Else a pause that another process has encrypted would be noted, and dropped."""
    sealed = await (await codec_with(key)).encode([PLAIN])
    codec = codec_of(await connect(Settings(), lazy=True))
    assert codec
    assert await codec.encode([PLAIN]) == [PLAIN]
    with pytest.raises(PayloadKeyMissing):
        await codec.decode(sealed)


async def test_worker_and_gateway_tell_of_a_key_that_was_missing(key: Path, tmp_path: Path) -> None:
    [sealed] = await (await codec_with(key)).encode([PLAIN])
    settings = Settings()
    client = await connect(settings, lazy=True)
    codec = codec_of(client)
    assert codec
    with pytest.raises(PayloadKeyMissing):
        await codec.decode([sealed])
    gateway, worker = Problems(), Watch(client, settings, Clocks())
    await SecretWatch(settings, client, gateway).look()
    await worker.look_at_secrets()
    name = f"encryption key {sealed.metadata[KEY_ID].decode()}"
    for problems in (gateway, worker.problems):
        assert "add it to encryption.keys" in problems.current()[name]


async def codec_with(key: Path) -> EncryptionCodec:
    codec = codec_of(await connect(configured(keys=[f"file:{key}"]), lazy=True))
    assert codec
    return codec
