"""Flow pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from flows.pages import draft_views, flow_views, list_views, session_views, trial_views

app_name = "flows"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", list_views.flow_list, name="list"),
    path("install/", list_views.install, name="install"),
    path("sessions/for/<uuid:conversation_id>/", session_views.session_of, name="session"),
    path("<uuid:pk>/", flow_views.flow, name="flow"),
    path("<uuid:pk>/export/", flow_views.export, name="export"),
    path("<uuid:pk>/save/", draft_views.save, name="save"),
    path("<uuid:pk>/check/", draft_views.check, name="check"),
    path("<uuid:pk>/import/", draft_views.bring, name="import"),
    path("<uuid:pk>/publish/", draft_views.publish, name="publish"),
    path("<uuid:pk>/restore/", draft_views.restore, name="restore"),
    path("<uuid:pk>/try/", trial_views.try_flow, name="try"),
]
