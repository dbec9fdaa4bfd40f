"""The lane for machines: the same views as in the URL map, without what only people need."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve
from django.utils.module_loading import import_string


@pytest.mark.parametrize(("path", "name"), settings.FAST_LANE.items())
def test_the_lane_leads_to_the_view_of_the_url_map(path: str, name: str) -> None:
    assert getattr(resolve(path).func, "cls", None) is import_string(name)


@pytest.mark.parametrize("path", settings.FAST_LANE)
def test_answers_carry_a_request_id_and_no_cookies(path: str, db: None) -> None:
    answer = Client().post(path, b"{}", content_type="application/json")

    assert answer.status_code == 401
    assert answer.json()["error"]["request_id"] == answer.headers["X-Request-Id"]
    assert not answer.cookies
    assert "Content-Security-Policy" not in answer.headers
