"""The agent inbox and the contact pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from conversations.inbox import views
from conversations.people import views as people_views

app_name = "inbox"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.inbox, name="inbox"),
    path("contacts/", people_views.contact_list, name="contacts"),
    path("contacts/<uuid:pk>/", people_views.contact_detail, name="contact"),
    path("<uuid:pk>/read/", views.read, name="read"),
    path("<uuid:pk>/<slug:verb>/", views.act, name="act"),
]
