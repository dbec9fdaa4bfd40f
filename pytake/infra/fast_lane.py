"""A short way for machines: routes that need no session, language or page policy skip the middleware for people."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.module_loading import import_string


class FastLaneMiddleware:
    """Call the view of a route in FAST_LANE (path -> dotted name of a REST framework view) right away.

    Stands right after the middleware that gives requests their id. The routes stay in the URL map, where
    documentation and tests find them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._views: dict[str, Callable[..., HttpResponseBase]] | None = None

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer from the lane, or go on."""
        if self._views is None:
            # Not before the first request: views need the URL map, which is not loaded yet when this is made.
            self._views = {path: _view(name) for path, name in settings.FAST_LANE.items()}
        view = self._views.get(request.path_info)
        if view is None:
            return self.get_response(request)
        response = view(request)
        return response.render() if isinstance(response, SimpleTemplateResponse) else response


def _view(name: str) -> Callable[..., HttpResponseBase]:
    view: Callable[..., HttpResponseBase] = import_string(name).as_view()
    return view
