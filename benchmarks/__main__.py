"""Run every benchmark, each in a process of its own, so that none profits from another's work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = ("meta_analysis", "meta_analyses", "exact_engine", "other_programs", "r_programs")


def main() -> int:
    """Run the scripts one after another and return 0, or 1 if one failed."""
    failed = []
    for name in SCRIPTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        if subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
