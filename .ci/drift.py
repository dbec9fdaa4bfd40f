"""What is committed beside its source is as the source says: `drift.py api | texts | assets [--write]`."""

from __future__ import annotations

import argparse
import subprocess
import sys

import assets
import texts


def main(arguments: list[str]) -> int:
    """Run one check; 0 when nothing drifted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["api", "texts", "assets"])
    parser.add_argument("--write", action="store_true", help="renew what can be renewed")
    options = parser.parse_args(arguments)
    if options.what == "api":
        command = [sys.executable, "manage.py", "check_api", *(["--write"] if options.write else [])]
        return subprocess.run(command, cwd=texts.ROOT, check=False).returncode
    check = texts if options.what == "texts" else assets
    problems, summary = check.renew() if options.write else check.problems()
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"{options.what}: {len(problems)} problems. {check.REMEDY}", file=sys.stderr)
        return 1
    print(f"{options.what}: {summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
