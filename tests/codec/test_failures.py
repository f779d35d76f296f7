"""Is an error a payload where payloads are encrypted, and can whoever has to act read it?"""

import asyncio
from pathlib import Path

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from callvault.codec.encryption import EncryptionCodec
from callvault.codec.keyring import Keyring
from callvault.codec.payload_key import is_sealed
from callvault.config.encryption import EncryptionSettings
from callvault.errors import PayloadKeyMissing
from callvault.temporal.converter import converter_with
from callvault.temporal.failures import readable
from tests.codec.conftest import new_key

SENTENCE = "asked by Zebulon (fault: archive, cause: full)"


def client(*keys: Path) -> Client:
    """A client that never connects, with these keys."""
    told = EncryptionSettings.model_validate({"keys": [f"file:{key}" for key in keys]})
    converter = converter_with(EncryptionCodec(Keyring.open(told)), encrypts=told.is_on)
    return asyncio.run(Client.connect("127.0.0.1:1", lazy=True, data_converter=converter))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(new_key())
    return file


def failure_of(client: Client, error: BaseException) -> Failure:
    failure = Failure()
    asyncio.run(client.data_converter.encode_failure(error, failure))
    return failure


def test_the_sentence_and_the_details_are_payloads_and_the_kind_stays_readable(key: Path) -> None:
    ours = client(key)
    failure = failure_of(ours, ApplicationError(SENTENCE, "a detail", type="Unavailable"))
    assert failure.message == "Encoded failure"
    assert failure.application_failure_info.type == "Unavailable"
    assert is_sealed(failure.encoded_attributes)
    assert all(map(is_sealed, failure.application_failure_info.details.payloads))
    assert b"Zebulon" not in failure.SerializeToString()
    assert asyncio.run(readable(ours, failure)).message == SENTENCE
    error = asyncio.run(ours.data_converter.decode_failure(failure))
    assert (str(error), error.details) == (f"Unavailable: {SENTENCE}", ("a detail",))  # type: ignore[attr-defined]


def test_what_is_in_the_engines_own_wrapping_is_read_too(key: Path) -> None:
    ours = client(key)
    wrapped = Failure(message="Activity task failed")
    wrapped.cause.CopyFrom(failure_of(ours, ApplicationError(SENTENCE)))
    found = asyncio.run(readable(ours, wrapped))
    assert (found.message, found.cause.message) == ("Activity task failed", SENTENCE)
    assert wrapped.cause.message == "Encoded failure", "the original is left alone"


def test_whoever_lacks_the_key_is_told_so_in_the_place_of_the_sentence(
    key: Path, tmp_path: Path
) -> None:
    failure = failure_of(client(key), ApplicationError(SENTENCE))
    (tmp_path / "other").write_text(new_key())
    told = asyncio.run(readable(client(tmp_path / "other"), failure)).message
    assert "which this process does not have: add it to encryption.keys" in told


def test_without_encryption_errors_are_as_they_were(key: Path) -> None:
    failure = failure_of(client(), ApplicationError(SENTENCE))
    assert failure.message == SENTENCE
    assert asyncio.run(readable(client(), failure)).message == SENTENCE


@pytest.mark.parametrize("step", ["Failed decoding heartbeat details", "Failed decoding arguments"])
def test_a_missing_key_gives_up_no_activity_and_stays_readable_to_everybody(
    key: Path, step: str
) -> None:
    """The SDK would fail for good an activity whose heartbeat it cannot decode."""
    error = ApplicationError(step, non_retryable=True)
    error.__cause__ = PayloadKeyMissing("the key 0123456789abcdef is missing")
    failure = failure_of(client(key), error)
    assert failure.message.startswith("the key 0123456789abcdef is missing (fault: callvault")
    assert not failure.application_failure_info.non_retryable
    assert not failure.HasField("encoded_attributes")
