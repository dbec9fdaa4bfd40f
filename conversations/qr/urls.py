"""The connect wizard, under the inbox's `numbers/`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from conversations.qr import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("qr/new/", views.new, name="qr-new"),
    path("<uuid:pk>/connect/", views.connect, name="qr-connect"),
    path("<uuid:pk>/connect/state/", views.state, name="qr-state"),
    path("<uuid:pk>/connect/begin/", views.begin, name="qr-begin"),
    path("<uuid:pk>/connect/end/", views.disconnect, name="qr-disconnect"),
]
