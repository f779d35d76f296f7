"""Builds the gateway's application from its parts."""

from collections.abc import Iterator

from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send
from temporalio.client import Client
from temporalio.common import MetricMeter

from callvault.clients import own_containers
from callvault.config.settings import Settings
from callvault.gateway import error_responses
from callvault.gateway.access import Access
from callvault.gateway.access_api import AccessApi, access_router
from callvault.gateway.archive_readers import ArchiveReaders
from callvault.gateway.callbacks import CallbackReceiver, callbacks_router
from callvault.gateway.codec_api import CODEC, CodecApi, codec_router
from callvault.gateway.consents_api import ConsentsApi, consents_router
from callvault.gateway.cross_origin import CrossOrigin
from callvault.gateway.erasures_api import ErasuresApi, erasures_router
from callvault.gateway.events import EventWebhook, events_router
from callvault.gateway.evidence_api import EvidenceApi, evidence_router
from callvault.gateway.exports_api import ExportsApi, exports_router
from callvault.gateway.health import health_router
from callvault.gateway.holds_api import HoldsApi, holds_router
from callvault.gateway.lists_api import ListsApi, lists_router
from callvault.gateway.load_shedding import LoadShedding
from callvault.gateway.long_work import LongWork
from callvault.gateway.media_api import MediaApi, media_router
from callvault.gateway.media_links import MediaLinks
from callvault.gateway.media_streams import MediaStreams, media_streams_router
from callvault.gateway.openapi.pages import add_description
from callvault.gateway.orphans import Orphans
from callvault.gateway.recording_finder import RecordingFinder
from callvault.gateway.recordings_api import ControlApi, control_router
from callvault.gateway.request_ids import answer_with_id
from callvault.gateway.request_metrics import RequestMetrics
from callvault.gateway.request_url import cleaned
from callvault.gateway.shared_secrets import SharedSecrets
from callvault.gateway.subjects_api import SubjectsApi, subjects_router
from callvault.ingest.intake import Intake
from callvault.ingest.quarantine import Quarantine
from callvault.ingest.routes import Routes
from callvault.problems import Problems
from callvault.temporal.call_client import CallClient
from callvault.temporal.decisions import DecisionClient
from callvault.temporal.erasure_client import ErasureClient


class Gateway(FastAPI):
    """An application whose routes, logs and traces see URLs without secrets, in one spelling."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer_with_id(super().__call__, cleaned(scope), receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings,
    client: Client,
    meter: MetricMeter = MetricMeter.noop,
    problems: Problems | None = None,
    quarantine: Quarantine | None = None,
) -> FastAPI:
    """Build the gateway around a (lazy) Temporal client.

    Secrets are read here, so a missing one is a `ConfigurationError` now and not a lost event
    later.
    """
    gateway = settings.gateway
    recordings = CallClient(client)
    routes = Routes(settings, own_containers(settings))
    quarantine = quarantine or Quarantine.open(gateway.quarantine)
    webhook = EventWebhook(
        SharedSecrets(gateway.event_secrets),
        Intake(routes, recordings, "webhook", meter),
        quarantine,
        gateway.max_body,
        meter,
    )
    # The framework's own pages load a script from elsewhere, on the gateway's own origin.
    app = Gateway(title="Callvault gateway", redirect_slashes=False, openapi_url=None)
    app.add_middleware(LoadShedding, max_in_flight=gateway.max_in_flight)
    if settings.encryption.is_set:
        app.add_middleware(CrossOrigin, path=CODEC, origins=settings.web_origins())
    # Added last, it is outside: requests that are refused for the load are measured.
    app.add_middleware(RequestMetrics, meter=meter)
    error_responses.install(app)
    app.include_router(events_router(webhook))
    api = ControlApi(settings, recordings, gateway.max_body)
    access = Access(gateway, recordings.resource_of)
    app.include_router(control_router(api, access))
    app.include_router(lists_router(ListsApi(recordings), access))
    archives = ArchiveReaders(settings, client)
    finder = RecordingFinder(recordings, archives)
    links = MediaLinks(gateway.media.link_key)
    media = MediaApi(gateway.media, finder, archives, links, gateway.max_body)
    app.include_router(media_router(media, access))
    people = SubjectsApi(settings, archives, gateway.max_body)
    app.include_router(subjects_router(people, access))
    for router in _privacy_routers(settings, recordings, archives, finder, access):
        app.include_router(router)
    streams = MediaStreams(archives, links, gateway.media.max_streams)
    app.include_router(media_streams_router(streams))
    consents = ConsentsApi(settings, DecisionClient(recordings), gateway.max_body)
    app.include_router(consents_router(consents, access))
    # A way in that nobody has asked for does not exist.
    if any(each.callback_url or each.callback_audience for each in settings.resources.values()):
        app.include_router(callbacks_router(_callbacks(settings, recordings, meter)))
    if settings.encryption.is_set:
        app.include_router(codec_router(CodecApi(client), access, settings.web_origins()))
    app.include_router(health_router(recordings, quarantine, problems or Problems(meter)))
    add_description(app)
    return app


def _privacy_routers(
    settings: Settings,
    calls: CallClient,
    archives: ArchiveReaders,
    finder: RecordingFinder,
    access: Access,
) -> Iterator[APIRouter]:
    """Build what is asked about recorded people: holds, erasures, exports, evidence, access."""
    limit, work = settings.gateway.max_body, LongWork()
    yield holds_router(HoldsApi(finder, calls, archives, limit), access)
    erasures = ErasureClient(calls.client)
    yield erasures_router(ErasuresApi(settings, erasures, archives, limit), access)
    yield exports_router(ExportsApi(settings, archives, work, limit), access)
    evidence = EvidenceApi(settings, calls, finder, archives, work, limit)
    yield evidence_router(evidence, access)
    yield access_router(AccessApi(settings, finder, archives, limit), access)


def _callbacks(settings: Settings, recordings: CallClient, meter: MetricMeter) -> CallbackReceiver:
    audiences = {name: each.callback_audience for name, each in settings.resources.items()}
    gateway = settings.gateway
    return CallbackReceiver(
        gateway.callbacks,
        audiences,
        recordings,
        gateway.max_body,
        meter,
        Orphans(settings, recordings),
    )
