"""URL routing of the API: no trailing slash is declared, one is tolerated (`ApiSlashMiddleware`)."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter


class ApiRouter(SimpleRouter):
    """Router of viewsets whose keys are UUIDs."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)
        self._default_value_pattern = "uuid"
