"""The `callvault` command, which is ``python -m callvault``, too."""

import signal


def main() -> None:
    """Run the command; Ctrl-C while it still loads ends it without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    # What the caller ignores stays ignored.
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from callvault.cli.main import main as run

    signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()
