"""Static files with hashed names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]  # it has none

# Built by `make assets`, never served: their imports name packages, not files.
SOURCES: Final = ("css/src/", "build.mjs")


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Leaves the sources of the stylesheet alone, whose imports would be looked for among the files."""

    def post_process(self, paths: dict[str, Any], *args: Any, **options: Any) -> Iterator[Any]:
        """Hash and compress what is served."""
        served = {name: found for name, found in paths.items() if not name.startswith(SOURCES)}
        yield from super().post_process(served, *args, **options)
