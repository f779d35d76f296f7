"""Is a payload opened by its own key alone, and is every other one told for what it is?"""

import asyncio
import base64
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload

from callvault.codec import keyring
from callvault.codec.encryption import EncryptionCodec
from callvault.codec.keyring import Keyring
from callvault.codec.payload_key import ENCODING, KEY_ID, PayloadKey
from callvault.config.encryption import EncryptionSettings
from callvault.errors import ConfigurationError, PayloadKeyMissing
from callvault.rereading import REREAD_INTERVAL

PLAIN = Payload(metadata={"encoding": b"json/plain", "odd": b"\xff"}, data=b'{"name":"Zebulon"}')


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files with a key each."""
    made = [tmp_path / name for name in "abc"]
    for file in made:
        file.write_text(f"{new_key()}\n")
    return made


def codec(*files: Path, **settings: Any) -> EncryptionCodec:
    keys = [f"file:{file}" for file in files]
    told = EncryptionSettings.model_validate({"keys": keys, **settings})
    return EncryptionCodec(Keyring.open(told))


def key_in(file: Path) -> PayloadKey:
    return PayloadKey.from_secret(file.read_text().strip())


async def test_a_payload_comes_back_with_its_metadata_and_no_two_are_alike(
    files: list[Path],
) -> None:
    one = codec(files[0])
    first, second = await one.encode([PLAIN, PLAIN])
    assert first.data != second.data
    assert first.metadata == {"encoding": ENCODING, KEY_ID: key_in(files[0]).id.encode()}
    assert b"Zebulon" not in first.SerializeToString()
    assert await one.decode([first, second]) == [PLAIN, PLAIN]


async def test_the_first_key_encrypts_and_all_decrypt(files: list[Path]) -> None:
    old, new, _ = files
    [before] = await codec(old).encode([PLAIN])
    both = codec(new, old)
    [after] = await both.encode([PLAIN])
    assert after.metadata[KEY_ID] == key_in(new).id.encode()
    assert await both.decode([before, after, PLAIN]) == [PLAIN] * 3


async def test_without_encrypt_keys_only_decrypt(files: list[Path]) -> None:
    one = codec(files[0], encrypt=False)
    assert await one.encode([PLAIN]) == [PLAIN]
    assert await one.decode(await codec(files[0]).encode([PLAIN])) == [PLAIN]


@pytest.mark.parametrize("has_a_key", [True, False])
async def test_a_missing_key_is_an_error_that_says_what_to_do(
    files: list[Path], has_a_key: bool
) -> None:
    other, ours, _ = files
    sealed = await codec(other).encode([PLAIN])
    lacking = codec(ours) if has_a_key else EncryptionCodec(Keyring.open(EncryptionSettings()))
    with pytest.raises(PayloadKeyMissing) as raised:
        await lacking.decode(sealed)
    missing = key_in(other).id
    assert f"the key {missing}, which this process does not have: add it to encryption.keys" in str(
        raised.value
    )
    assert lacking.keyring.problems() == {f"encryption key {missing}": str(raised.value)}


async def test_a_key_that_comes_is_found_at_once_and_told_of_no_more(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other, _ = files
    sealed = await codec(other).encode([PLAIN])
    lacking = codec(ours)
    with pytest.raises(PayloadKeyMissing):
        await lacking.decode(sealed)
    monkeypatch.setattr(keyring, "MISSING_INTERVAL", 0)
    ours.write_text(other.read_text())
    assert await lacking.decode(sealed) == [PLAIN]
    assert lacking.keyring.problems() == {}


async def test_a_key_that_was_replaced_is_read_again_and_one_that_is_away_is_used_on(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, other, _ = files
    one, before = codec(file), key_in(file).id
    file.unlink()
    monkeypatch.setattr(one.keyring._keys, "_read_at", -REREAD_INTERVAL)
    [sealed] = await one.encode([PLAIN])
    assert sealed.metadata[KEY_ID] == before.encode()
    file.write_text(other.read_text())
    monkeypatch.setattr(one.keyring._keys, "_read_at", -REREAD_INTERVAL)
    [sealed] = await one.encode([PLAIN])
    assert sealed.metadata[KEY_ID] == key_in(other).id.encode()


async def test_what_no_key_will_ever_open_stays_as_it_is(files: list[Path]) -> None:
    one = codec(files[0])
    [sealed] = await one.encode([PLAIN])
    for at in range(len(sealed.data)):
        changed = bytearray(sealed.data)
        changed[at] ^= 1
        tampered = Payload(metadata=sealed.metadata, data=bytes(changed))
        assert await one.decode([tampered]) == [tampered]
    for length in range(len(sealed.data)):
        cut = Payload(metadata=sealed.metadata, data=sealed.data[:length])
        assert await one.decode([cut]) == [cut]


@pytest.mark.parametrize("key_id", [b"", b"test-key-id", b"\xff" * 16, b"0123456789ABCDEF"])
async def test_a_key_of_another_program_is_no_key_of_ours_that_is_missing(key_id: bytes) -> None:
    foreign = Payload(metadata={"encoding": ENCODING, KEY_ID: key_id}, data=b"x" * 50)
    nothing = EncryptionCodec(Keyring.open(EncryptionSettings()))
    assert await nothing.decode([foreign]) == [foreign]


async def test_a_key_that_is_given_up_holds_nothing_up(files: list[Path]) -> None:
    lost, ours, _ = files
    sealed = await codec(lost).encode([PLAIN])
    without = codec(ours, lost_keys=[key_in(lost).id])
    assert await without.decode(sealed) == sealed
    assert without.keyring.problems() == {}
    found = codec(ours, lost, lost_keys=[key_in(lost).id])
    assert await found.decode(sealed) == sealed, "a history that went on without it must replay"


async def test_the_encryption_samples_of_the_sdks_read_and_write_the_same(
    files: list[Path],
) -> None:
    """As encryption/codec.py of temporalio/samples-python; Go and Java have the same form."""
    raw = base64.b64decode(files[0].read_text())
    nonce = os.urandom(12)
    theirs = Payload(
        metadata={
            "encoding": b"binary/encrypted",
            "encryption-key-id": key_in(files[0]).id.encode(),
        },
        data=nonce + AESGCM(raw).encrypt(nonce, PLAIN.SerializeToString(), None),
    )
    one = codec(files[0])
    assert await one.decode([theirs]) == [PLAIN]
    [ours] = await one.encode([PLAIN])
    read = AESGCM(raw).decrypt(ours.data[:12], ours.data[12:], None)
    assert Payload.FromString(read) == PLAIN


@pytest.mark.parametrize(
    "secret",
    ["hunter2", base64.b64encode(b"x" * 31).decode(), base64.b64encode(b"x" * 64).decode(), "ü"],
)
def test_what_is_no_key_is_refused_without_repeating_it(files: list[Path], secret: str) -> None:
    files[0].write_text(secret)
    with pytest.raises(ConfigurationError, match="not 32 bytes in base64") as raised:
        codec(files[0])
    assert secret not in str(raised.value)


def test_a_key_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        codec(tmp_path / "none")


async def test_keys_are_read_once_for_many_payloads(files: list[Path]) -> None:
    one = codec(files[0])
    reads: list[int] = []

    def read() -> Any:
        reads.append(1)
        return one.keyring._keys.value

    one.keyring._keys._read = read
    one.keyring._keys._read_at = -REREAD_INTERVAL
    await asyncio.gather(*(one.encode([PLAIN]) for _ in range(50)))
    assert len(reads) == 1
