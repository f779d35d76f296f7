"""`python -m tests.histories`: record the histories of this version anew. `make histories`."""

import argparse
import asyncio
import logging
import sys

from .recorded import FOLDER, VERSION
from .recorder import played, replace_histories
from .stories import STORIES
from .studio import open_studio


async def main() -> None:
    # Stories fail on purpose, and their workers say so.
    logging.disable()
    async with open_studio() as studio:
        files = await played(studio, STORIES)
    replace_histories(FOLDER / VERSION, files)
    size = sum(map(len, files.values())) / 1024
    sys.stdout.write(f"{len(files)} histories of version {VERSION}, {size:.0f} KiB\n")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    asyncio.run(main())
