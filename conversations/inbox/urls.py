"""The agent inbox and the contact pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from conversations.inbox import file_views, template_views, views
from conversations.people import deeds, import_views, merge_views, setup_views
from conversations.people import views as people_views

app_name = "inbox"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.inbox, name="inbox"),
    path("contacts/", people_views.contact_list, name="contacts"),
    path("contacts/new/", people_views.contact_new, name="contact-new"),
    path("contacts/setup/", setup_views.setup, name="contact-setup"),
    path("contacts/setup/tags/<uuid:pk>/", setup_views.tag, name="contact-tag"),
    path("contacts/setup/fields/<uuid:pk>/", setup_views.field, name="contact-field"),
    path("contacts/export/", import_views.export, name="contact-export"),
    path("contacts/import/", import_views.imports, name="imports"),
    path("contacts/import/<uuid:pk>/", import_views.one, name="import"),
    path("contacts/import/<uuid:pk>/cancel/", import_views.cancel, name="import-cancel"),
    path("contacts/import/<uuid:pk>/undo/", import_views.undo, name="import-undo"),
    path("contacts/import/<uuid:pk>/refused/", import_views.refused, name="import-refused"),
    path("contacts/<uuid:pk>/gone/", merge_views.gone, name="contact-gone"),
    path("contacts/<uuid:pk>/merge/", merge_views.merge, name="contact-merge"),
    path("contacts/<uuid:pk>/merge/<uuid:merge_id>/undo/", merge_views.undo, name="contact-merge-undo"),
    path("contacts/<uuid:pk>/do/<slug:deed>/", deeds.contact_do, name="contact-do"),
    path("contacts/<uuid:pk>/", people_views.contact_detail, name="contact"),
    path("media/<uuid:pk>/", file_views.media, name="media"),
    path("media/<uuid:pk>/again/", file_views.media_again, name="media-again"),
    path("contacts/<uuid:pk>/consent/", people_views.record_consent, name="contact-consent"),
    path("numbers/", include("conversations.qr.urls")),
    path("<uuid:pk>/template/", template_views.template, name="template"),
    path("<uuid:pk>/read/", views.read, name="read"),
    path("<uuid:pk>/typing/", views.typing, name="typing"),
    path("<uuid:pk>/<slug:verb>/", views.act, name="act"),
]
