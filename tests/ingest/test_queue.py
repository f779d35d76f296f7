"""A queue is read and emptied, on Azurite's queue service."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue import QueueClient
from temporalio.client import Client

from callvault import rereading
from callvault.config.storage import QueueSettings
from callvault.contracts import names
from callvault.errors import AccessDenied, ConfigurationError
from callvault.ingest.intake import Intake
from callvault.ingest.queue import Queue
from callvault.ingest.queue_consumer import QueueConsumer
from callvault.local.azurite import Azurite
from tests.gateway.conftest import Call
from tests.ingest.conftest import IntakeOf, until


@dataclass
class Post:
    """A queue as Event Grid and operators see it."""

    connection_string: str
    name: str

    def brings(self, event: Any) -> None:
        """Put an event there as Event Grid does."""
        text = event if isinstance(event, str) else json.dumps(event)
        self.holds(base64.b64encode(text.encode()).decode())

    def holds(self, content: str) -> None:
        with self._client() as client:
            client.send_message(content)

    def visible(self) -> list[str]:
        return self._peek("")

    def poison(self) -> list[str]:
        return self._peek("-poison")

    def is_empty(self) -> bool:
        """Tell if no message is left, hidden ones included."""
        with self._client() as client:
            return client.get_queue_properties().approximate_message_count == 0

    def _peek(self, suffix: str) -> list[str]:
        with self._client(suffix) as client:
            return [str(message.content) for message in client.peek_messages(32)]

    def _client(self, suffix: str = "") -> QueueClient:
        return QueueClient.from_connection_string(self.connection_string, self.name + suffix)


@pytest.fixture
def post(storage: Azurite, queue_name: str) -> Post:
    return Post(storage.connection_string, queue_name)


def configured(post: Post, secret: str, **changes: Any) -> QueueSettings:
    return QueueSettings.model_validate(
        {"queue": post.name, "connection_string": secret, "poll_interval": "PT0.02S", **changes}
    )


@asynccontextmanager
async def reading(settings: QueueSettings, intake: Intake) -> AsyncIterator[Queue]:
    """Read the queue within this block; afterwards its reader has come to its end."""
    stopping = asyncio.Event()
    with closing(Queue("main", settings)) as queue:
        queue.prepare()
        consumer = asyncio.create_task(QueueConsumer(queue, intake, settings, stopping).run())
        try:
            yield queue
        finally:
            stopping.set()
            await asyncio.wait_for(consumer, 10)


async def test_an_event_reaches_its_workflow_and_the_message_is_removed(
    post: Post, storage_secret: str, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    post.brings(call.recorded())
    post.holds(json.dumps([call.recorded()]))
    async with reading(configured(post, storage_secret), intake_of(temporal)):
        await until(post.is_empty)
    assert await call.names_received() == [names.FILE_STATUS_UPDATED] * 2
    assert post.poison() == []


@pytest.mark.parametrize("content", ["not an event", '{"id": "odd"}'])
async def test_what_is_not_understood_is_set_aside_as_it_came(
    content: str, post: Post, storage_secret: str, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    post.brings(content)
    post.brings(call.recorded())
    async with reading(configured(post, storage_secret), intake_of(temporal)):
        await until(post.is_empty)
    assert post.poison() == [base64.b64encode(content.encode()).decode()]
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]


async def test_of_a_message_with_several_events_the_good_ones_are_delivered(
    post: Post, storage_secret: str, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    post.brings([{"id": "odd"}, call.recorded()])
    async with reading(configured(post, storage_secret), intake_of(temporal)):
        await until(post.is_empty)
    assert len(post.poison()) == 1
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]


async def test_a_message_that_was_handed_out_too_often_is_set_aside_untouched(
    post: Post, storage_secret: str, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    settings = configured(post, storage_secret, max_deliveries=2)
    post.brings(call.recorded())
    with closing(Queue("main", settings)) as queue:
        for _ in range(2):
            [lease] = queue.receive(1)
            assert queue.release(lease)
    async with reading(settings, intake_of(temporal)):
        await until(post.is_empty)
    assert len(post.poison()) == 1


async def test_while_temporal_is_away_messages_stay_and_only_a_few_are_held(
    post: Post, storage_secret: str, intake_of: IntakeOf, temporal_away: Client, call: Call
) -> None:
    for _ in range(5):
        post.brings(call.recorded())
    settings = configured(post, storage_secret, max_concurrent=2)
    async with reading(settings, intake_of(temporal_away)):
        await until(lambda: len(post.visible()) == 3)
        await asyncio.sleep(0.2)
        assert len(post.visible()) == 3, "no more than two are held"
    assert len(post.visible()) == 5, "all are given back at once"
    assert post.poison() == []


async def test_a_message_with_an_event_that_waits_is_given_back_whatever_else_it_holds(
    post: Post, storage_secret: str, intake_of: IntakeOf, temporal_away: Client, call: Call
) -> None:
    post.brings([{"id": "odd"}, call.recorded()])
    async with reading(configured(post, storage_secret), intake_of(temporal_away)):
        await until(lambda: post.visible() == [])
    assert len(post.visible()) == 1
    assert post.poison() == []


async def test_a_message_is_taken_once_temporal_is_back(
    post: Post,
    storage_secret: str,
    intake_of: IntakeOf,
    temporal: Client,
    temporal_away: Client,
    call: Call,
) -> None:
    class Returning(Intake):
        """Temporal is away at first."""

        def __init__(self) -> None:
            self.asked = 0

        async def deliver(self, values: Any) -> Any:
            self.asked += 1
            client = temporal_away if self.asked == 1 else temporal
            return await intake_of(client).deliver(values)

    post.brings(call.recorded())
    intake = Returning()
    async with reading(configured(post, storage_secret, max_deliveries=1), intake):
        await until(post.is_empty)
    assert intake.asked == 2, "one delivery of the queue: waiting does not count against it"
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]
    assert post.poison() == []


async def test_a_message_stays_hidden_for_as_long_as_it_takes(
    post: Post, storage_secret: str, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    class Slow(Intake):
        """Takes its time until it is let go."""

        def __init__(self) -> None:
            self.begun = asyncio.Event()
            self.go = asyncio.Event()

        async def deliver(self, values: Any) -> Any:
            self.begun.set()
            await self.go.wait()
            return await intake_of(temporal).deliver(values)

    post.brings(call.recorded())
    intake = Slow()
    settings = configured(post, storage_secret, visibility_timeout="PT0.15S")
    async with reading(settings, intake) as queue:
        renewals = counted(queue, "renew")
        await intake.begun.wait()
        await until(lambda: len(renewals) >= 3)
        assert post.visible() == []
        intake.go.set()
        await until(post.is_empty)
    assert all(renewals), "each renewal was accepted, and so was the removal after the last one"


def counted(queue: Queue, method: str) -> list[Any]:
    """Collect the answers of a method of the queue from now on."""
    answers: list[Any] = []
    original: Callable[..., Any] = getattr(queue, method)

    def asked(*arguments: Any) -> Any:
        answers.append(original(*arguments))
        return answers[-1]

    setattr(queue, method, asked)
    return answers


async def test_one_message_that_breaks_us_does_not_stop_the_others(
    post: Post, storage_secret: str, intake_of: IntakeOf, temporal: Client, call: Call
) -> None:
    class Fragile(Intake):
        """Has a bug."""

        def __init__(self) -> None:
            pass

        async def deliver(self, values: Any) -> Any:
            if values[0]["id"] == "odd":
                raise RuntimeError("a bug")
            return await intake_of(temporal).deliver(values)

    post.brings({"id": "odd"})
    post.brings(call.recorded())
    async with reading(configured(post, storage_secret, max_concurrent=1), Fragile()):
        await until(lambda: post_has_one_hidden(post))
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]
    assert post.poison() == []


def post_has_one_hidden(post: Post) -> bool:
    with post._client() as client:
        count = client.get_queue_properties().approximate_message_count
    return count == 1 and post.visible() == []


def test_a_message_that_another_one_got_meanwhile_is_not_an_error(
    post: Post, storage_secret: str
) -> None:
    with closing(Queue("main", configured(post, storage_secret))) as queue:
        queue.prepare()
        post.holds("{}")
        [first] = queue.receive(1)
        late = type(first)(first.message)
        assert queue.release(first)
        [second] = queue.receive(1)
        late.message.pop_receipt = "AAAA"
        assert not queue.renew(late)
        assert not queue.delete(late)
        assert queue.delete(second)
        assert not queue.delete(second)


def test_a_queue_that_does_not_exist_is_said_at_the_start(
    storage: Azurite, storage_secret: str
) -> None:
    missing = Post(storage.connection_string, "no-such-queue")
    with (
        closing(Queue("main", configured(missing, storage_secret))) as queue,
        pytest.raises(ConfigurationError, match="queue main, looking for it: there is no such"),
    ):
        queue.prepare()


def test_h12_a_queue_is_reached_with_the_secret_that_replaced_the_first(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereading, "REREAD_INTERVAL", 0.0)
    secret = tmp_path / "secret"
    secret.write_text(post.connection_string)
    with closing(Queue("main", configured(post, f"file:{secret}"))) as queue:
        queue.prepare()
        wrong = re.sub("AccountKey=[^;]+", "AccountKey=d3Jvbmc=", post.connection_string)
        secret.write_text(wrong)
        with pytest.raises(AccessDenied):
            queue.receive(1)
        secret.write_text(post.connection_string)
        post.holds("{}")
        assert len(queue.receive(1)) == 1
