"""API routes of contacts. Static segments come before parameters."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from conversations.people import api, api_work

_contact = api.Contacts.as_view
_tag = api.Tags.as_view
urlpatterns: list[URLPattern | URLResolver] = [
    path("contacts", _contact({"get": "list", "post": "create"}), name="contacts"),
    path("contacts/stats", _contact({"get": "totals"}), name="contact-totals"),
    path("contacts/import", api_work.Imports.as_view({"post": "create"}), name="contact-imports"),
    path("contacts/import/<uuid:pk>", api_work.Imports.as_view({"get": "retrieve"}), name="contact-import"),
    path("contacts/export", api_work.Export.as_view(), name="contact-export"),
    path("contacts/export/<str:token>", api_work.ExportFile.as_view(), name="contact-export-file"),
    path("contacts/merge", api_work.Merges.as_view({"post": "create"}), name="contact-merge"),
    path("contacts/merges/<uuid:pk>/undo", api_work.Merges.as_view({"post": "undo"}), name="contact-merge-undo"),
    path("contacts/tags", _tag({"get": "list", "post": "create"}), name="tags"),
    path("contacts/tags/<uuid:pk>", _tag({"get": "retrieve", "put": "update", "delete": "destroy"}), name="tag"),
    path(
        "contacts/<uuid:pk>",
        _contact({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="contact",
    ),
    path("contacts/<uuid:pk>/stats", _contact({"get": "figures"}), name="contact-stats"),
    path("contacts/<uuid:pk>/timeline", _contact({"get": "timeline"}), name="contact-timeline"),
    path("contacts/<uuid:pk>/block", _contact({"post": "block"}), name="contact-block"),
    path("contacts/<uuid:pk>/unblock", _contact({"post": "unblock"}), name="contact-unblock"),
    path("contacts/<uuid:pk>/vip", _contact({"post": "mark", "delete": "unmark"}), name="contact-vip"),
    path(
        "contacts/<uuid:pk>/tags",
        _contact({"put": "replace_tags", "post": "add_tags", "delete": "remove_tags"}),
        name="contact-tags",
    ),
    path(
        "contacts/<uuid:pk>/identities",
        api.Identities.as_view({"get": "list", "post": "create"}),
        name="contact-identities",
    ),
    path(
        "contacts/<uuid:pk>/identities/<uuid:identity_id>",
        api.Identities.as_view({"delete": "destroy"}),
        name="contact-identity",
    ),
    path("contacts/<uuid:pk>/consents", api.Consents.as_view({"get": "list", "post": "create"}), name="consents"),
]
