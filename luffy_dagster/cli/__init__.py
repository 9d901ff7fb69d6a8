"""The `luffy` command: a thin door. Each command reads its options, calls the flows and the store, and shows the answer.

One module per topic; what a command needs is imported when it runs, so that `luffy --help` answers at once. Nothing is
computed here that another door would have to compute again.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command of this process's arguments and end with its exit code."""
    import sys

    from luffy_dagster.cli.app import run

    sys.exit(run(sys.argv[1:]))
