"""Work in processes that end with the one that asked for it.

joblib's processes outlive a parent that is killed, and go on computing. Here each watches for its
parent and leaves when it is gone; what it had stored stays stored.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Final

#: Seconds between two looks.
_LOOK: Final = 0.5


def watched[**P, R](work: Callable[P, R], parent: int) -> Callable[P, R]:
    """Return work that ends its process when its parent is gone.

    Parameters
    ----------
    work
        Importable by name, so that another process can be asked for it.
    parent
        ``os.getpid()`` of the process that asks.
    """
    return _Watched(work, parent)


class _Watched[**P, R]:
    """Work with the process that asked for it; a class, so that it can be sent."""

    def __init__(self, work: Callable[P, R], parent: int) -> None:
        self.work, self.parent = work, parent

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if os.getpid() != self.parent:
            _watch(self.parent)
        return self.work(*args, **kwargs)


@cache  # once a process and parent
def _watch(parent: int) -> None:
    def look() -> None:
        while _alive(parent):
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=look, daemon=True, name="watch-parent").start()


def _alive(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[:1] != ["Z"]
    except OSError:
        return True  # no such file on this system, or just gone: the next look says
