"""The work of `callvault recordings evidence --html`: find the recordings, write their page."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from callvault.archive.failback.candidates import failback_candidates
from callvault.archive.manifests.documents import Keyring
from callvault.archive.manifests.seal import software
from callvault.archive.names import is_folder_of_recording, is_manifest_name
from callvault.archive.names import RECORDINGS_PREFIX
from callvault.archive.store import Archive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.clients import open_archive, open_keyring
from callvault.config.settings import Settings, load_settings
from callvault.contracts.status import CallStatus, RecordingStatus
from callvault.errors import ContentMissing, InvalidRequest, Unavailable
from callvault.evidence.document import Shown, evidence_page
from callvault.evidence.people import People
from callvault.evidence.provisional import unsealed_recording
from callvault.evidence.recording import RecordingFacts, newest_manifest, sealed_recording
