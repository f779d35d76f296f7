"""The document as a file, `docs/openapi.json`: of a gateway with every route that there is."""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from temporalio.client import Client

from callvault.config.settings import Settings
from callvault.gateway.app import create_app
from callvault.gateway.openapi.document import describe


def written() -> str:
    """Return the text of the file."""
    return asyncio.run(_written())


async def _written() -> str:
    nowhere = await Client.connect("127.0.0.1:1", lazy=True)
    with tempfile.TemporaryDirectory() as folder:
        described = describe(create_app(_with_every_route(folder), nowhere))
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _with_every_route(folder: str) -> Settings:
    resource = {
        "endpoint": "https://acs.example",
        "credential": {"entra": True},
        "callback_url": "https://callvault.example",
        "callback_audience": "0b5b3a9b-5a1b-4f3a-8f0e-1f2a3b4c5d6e",
    }
    return Settings.model_validate(
        {
            "resources": {"default": resource},
            "archives": {"main": {"kind": "directory", "path": folder}},
            "encryption": {"keys": ["env:NEVER_READ"]},
            "gateway": {"quarantine": {"kind": "directory", "path": folder}},
        }
    )


def main() -> None:
    """Write the document into the file given on the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path)
    parser.parse_args().file.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
