"""``python -m callvault`` is the same as ``callvault``."""

from callvault.cli.main import main

main()
