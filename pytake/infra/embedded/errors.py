"""What can go wrong with servers on one's own machine, in sentences that say what to do."""

from __future__ import annotations


class EmbeddedServerError(RuntimeError):
    """A server could not be started; the message is for the person at the terminal."""
