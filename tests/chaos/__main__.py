"""`make chaos SEED=… MINUTES=…`: a long run against an installation of its own. Exit code 1 after a violation."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import chaos
from tests.crash.running import Running


def main() -> int:
    """Run and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pytake-chaos-") as folder:
        installation = Running(Path(folder) / "up", environment={"SEND_LEASE": "1"})
        try:
            installation.start()
            report = chaos(installation, seed=options.seed, seconds=options.minutes * 60)
        finally:
            installation.stop()
    print(report.text())  # noqa: T201  # the report is what this is for
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
