"""Make each fsync of a process slower by a fixed time, so that a desk machine syncs like a card."""

import os
import subprocess
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent / "native" / "slow_sync.c"


def environment(folder: Path, milliseconds: int) -> dict[str, str]:
    """Return the environment that slows a child's syncs down; compiles the layer when needed."""
    if milliseconds == 0:
        return dict(os.environ)
    library = folder / "slow_sync.so"
    if not library.exists():
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library), "SLOW_SYNC_MS": str(milliseconds)}
