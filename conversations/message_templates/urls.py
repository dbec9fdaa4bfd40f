"""Pages of message templates."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from conversations.message_templates import views

app_name = "message_templates"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.template_list, name="list"),
    path("sync/", views.read_again, name="sync"),
    path("told/", views.told, name="told"),
    path("new/", views.create, name="new"),
    path("preview/", views.preview, name="preview"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/edit/", views.edit, name="edit"),
    path("<uuid:pk>/submit/", views.submit, name="submit"),
    path("<uuid:pk>/use/", views.switch, name="switch"),
    path("<uuid:pk>/release/", views.release, name="release"),
    path("<uuid:pk>/delete/", views.delete, name="delete"),
]
