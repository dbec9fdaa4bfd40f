"""Blocking work (database, Redis commands) away from the event loop of a socket process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from channels.db import DatabaseSyncToAsync

P = ParamSpec("P")
T = TypeVar("T")

# Each thread keeps a database connection.
_POOL: Final = ThreadPoolExecutor(max_workers=4, thread_name_prefix="realtime")


async def run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the function in a thread; broken and aged database connections are closed around it."""
    return await run_in(_POOL, function, *args, **kwargs)


async def run_in(pool: ThreadPoolExecutor, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """As `run`, in threads of the caller's own."""
    in_thread: Any = DatabaseSyncToAsync(function, thread_sensitive=False, executor=pool)
    result: T = await in_thread(*args, **kwargs)
    return result
