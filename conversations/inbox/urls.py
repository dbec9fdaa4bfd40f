"""The agent inbox and the contact pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from conversations.inbox import file_views, template_views, views
from conversations.people import views as people_views

app_name = "inbox"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.inbox, name="inbox"),
    path("contacts/", people_views.contact_list, name="contacts"),
    path("contacts/<uuid:pk>/", people_views.contact_detail, name="contact"),
    path("media/<uuid:pk>/", file_views.media, name="media"),
    path("media/<uuid:pk>/again/", file_views.media_again, name="media-again"),
    path("contacts/<uuid:pk>/consent/", people_views.record_consent, name="contact-consent"),
    path("<uuid:pk>/template/", template_views.template, name="template"),
    path("<uuid:pk>/read/", views.read, name="read"),
    path("<uuid:pk>/typing/", views.typing, name="typing"),
    path("<uuid:pk>/<slug:verb>/", views.act, name="act"),
]
