"""Log lines carry what they need and nothing that must stay private; metrics answer those who may ask."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from django.test import Client
from django.utils import timezone

from notifications import tasks
from pytake.infra import live, observability, redaction

ROOT = Path(__file__).resolve().parent.parent.parent
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is written when the process logs JSON."""
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    observability.configure({"format": "json", "level": "INFO"})
    written = io.StringIO()
    ours = next(handler for handler in root.handlers if type(handler) is logging.StreamHandler)
    ours.setStream(written)
    yield written
    root.handlers, root.level = kept, level
    structlog.contextvars.clear_contextvars()


def last(lines: io.StringIO) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(lines.getvalue().splitlines()[-1])
    return content


@pytest.mark.parametrize(
    ("text", "leaked"),
    [
        pytest.param("Authorization: Bearer EAAGm0PX4ZCpsBAK", "EAAGm0", id="header"),
        pytest.param(f"GET /api/v1/ws?token={JWT} 101", "eyJ", id="token in an address"),
        pytest.param("GET /api/v1/ws?ticket=Zm9vYmFy&x=1", "Zm9v", id="ticket in an address"),
        pytest.param(f"cannot read {JWT}", "eyJ", id="bare token"),
        pytest.param("sent with pt_a1b2c3d4_0123456789abcdef", "0123456789abcdef", id="API token"),
        pytest.param('{"access_token": "abc123", "x": 1}', "abc123", id="JSON text"),
        pytest.param("password='hunter2'", "hunter2", id="assignment"),
        pytest.param("postgresql://pytake:s3cret@db:5432/pytake", "s3cret", id="address with a password"),
        pytest.param("gAAAAABmXb1Qw7YtT4l0vJ3n8qkz9x==", "Qw7YtT", id="encrypted value"),
        pytest.param("Key (email)=(joana@example.com) exists", "joana", id="e-mail"),
        pytest.param("to +55 11 98765-4321 failed", "98765", id="written phone"),
        pytest.param("to +5511987654321", "98765", id="E.164"),
        pytest.param("wa 5511987654321 unknown", "98765", id="digits"),
        pytest.param("tel (11) 98765-4321", "98765", id="national"),
        pytest.param("tel 11 98765-4321", "98765", id="national without brackets"),
    ],
)
def test_texts_lose_what_is_private(text: str, leaked: str) -> None:
    assert leaked in text
    assert leaked not in redaction.clean_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "01a1fd3c-41ce-75f5-9a5c-e4adcdce378b",
        "req_01a1fd5c66d1777ebfa559a6e3f8ffe2",
        "2026-11-21T09:08:29.149669+00:00",
        "2026-11-21 09:08",
        "WebSocket /api/v1/ws 1008 after 1234567 us",
        "127.0.0.1:48484",
    ],
)
def test_texts_keep_what_helps(text: str) -> None:
    assert redaction.clean_text(text) == text


def test_values_go_by_their_names_at_any_depth() -> None:
    event = {
        "number_id": "01a1fd3c",
        "count": 3,
        "headers": {"Authorization": "x1", "X-CSRFToken": "x2", "Accept": "json"},
        "messages": [{"text": {"body": "Estou com dor"}, "id": "wamid.1"}],
        "app_secret": "x3",
        "wa_id": "x4",
        "raw": b"x5",
    }

    cleaned = redaction.clean(event)

    assert cleaned["number_id"] == "01a1fd3c"
    assert cleaned["count"] == 3
    assert cleaned["headers"]["Accept"] == "json"
    assert cleaned["messages"][0]["id"] == "wamid.1"
    assert not [secret for secret in ("x1", "x2", "x3", "x4", "x5", "dor") if secret in str(cleaned)]


def test_a_line_is_json_with_the_context(lines: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="req_1", organization_id="o", user_id="u")

    structlog.get_logger("conversations").info("message.stored", message_id="m", text="Oi", wa_id="5511987654321")

    line = last(lines)
    assert line["message"] == "message.stored"
    assert (line["level"], line["logger"], line["request_id"]) == ("info", "conversations", "req_1")
    assert line["message_id"] == "m"
    assert "Oi" not in lines.getvalue()
    assert "5511" not in lines.getvalue()


def test_lines_of_libraries_look_the_same_and_are_cleaned(lines: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(task_id="t1")

    logging.getLogger("celery.worker").warning("lost %s of %s", JWT, "+5511987654321")

    line = last(lines)
    assert (line["logger"], line["level"], line["task_id"]) == ("celery.worker", "warning", "t1")
    assert line["message"] == "lost [redacted] of [phone]"


def test_failures_are_one_line_without_what_they_quote(lines: io.StringIO) -> None:
    try:
        ["other"].index("5511987654321")
    except ValueError:
        structlog.get_logger("flows").exception("turn.failed")

    line = last(lines)
    assert "ValueError" in line["exception"]
    assert "[phone]" in line["exception"]
    assert len(lines.getvalue().splitlines()) == 1


@pytest.mark.slow
def test_what_nobody_catches_is_logged() -> None:
    code = (
        "import django; django.setup(); import threading\n"
        "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()\n"
        "raise RuntimeError('token=abcdef12345')"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, env=environment()
    )

    found = [orjson.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [line["message"] for line in found] == ["thread.failed", "process.failed"]
    assert "abcdef12345" not in done.stdout + done.stderr
    assert done.returncode == 1


@pytest.mark.slow
def test_tasks_bind_their_id_and_celery_leaves_our_lines_alone() -> None:
    code = (
        "import django; django.setup()\n"
        "from pytake.celery import app; import structlog\n"
        "from celery.signals import setup_logging; assert setup_logging.receivers\n"
        "@app.task(name='x.y')\n"
        "def work(): structlog.get_logger('t').warning('done')\n"
        "work.apply(task_id='task-1'); structlog.get_logger('t').warning('after')"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=environment()
    )

    inside, after = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert (inside["task_id"], inside["task"]) == ("task-1", "x.y")
    assert "task_id" not in after


def environment() -> dict[str, str]:
    return {**os.environ, "LOG_FORMAT": "json", "LOG_LEVEL": "WARNING", "DJANGO_SETTINGS_MODULE": "pytake.settings"}


@pytest.mark.slow
def test_one_process_answers_for_all_that_count_into_a_folder(tmp_path: Path) -> None:
    count = "from pytake.infra import metrics; metrics.TURNS.labels('done').inc(2)"
    answer = "from pytake.infra import metrics; print(metrics.page({'pytake_x': ('X.', 1.0)}).decode())"

    pages = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            env=environment() | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")},
        ).stdout
        for code in (count, count, answer)
    ]

    assert 'pytake_turns_total{result="done"} 4.0' in pages[2]
    assert "pytake_x 1.0" in pages[2]


@pytest.mark.django_db
def test_metrics_answer_this_machine_and_tell_what_waits() -> None:
    answer = Client().get("/api/v1/metrics")

    text = answer.content.decode()
    assert answer.status_code == 200
    for name in ("pytake_webhooks_waiting 0.0", "pytake_sends_waiting 0.0", "pytake_sockets ", "pytake_turns_total"):
        assert name in text, name


@pytest.mark.django_db
def test_metrics_tell_how_long_no_tick_has_reached_a_worker(settings: Any) -> None:
    settings.REDIS_PREFIX = f"test-{uuid.uuid4().hex[:12]}"
    assert "pytake_scheduler_lag_seconds" not in Client().get("/api/v1/metrics").content.decode()

    live.note_tick(timezone.now() - timedelta(seconds=100))
    late = Client().get("/api/v1/metrics").content.decode()
    tasks.publish_pending()
    fresh = Client().get("/api/v1/metrics").content.decode()

    assert lag(late) == pytest.approx(100, abs=5)
    assert lag(fresh) < 5


def lag(page: str) -> float:
    return float(page.partition("\npytake_scheduler_lag_seconds ")[2].partition("\n")[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"REMOTE_ADDR": "203.0.113.9"}, id="another machine"),
        pytest.param({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, id="through a proxy"),
    ],
)
def test_metrics_are_hidden_from_others(headers: dict[str, Any]) -> None:
    assert Client(**headers).get("/api/v1/metrics").status_code == 404


@pytest.mark.django_db
def test_with_a_token_only_the_token_counts(settings: Any) -> None:
    settings.METRICS_TOKEN = "sesame"

    assert Client().get("/api/v1/metrics").status_code == 404
    assert Client().get("/api/v1/metrics", headers={"Authorization": "Bearer sesam"}).status_code == 404
    assert (
        Client(REMOTE_ADDR="203.0.113.9").get("/api/v1/metrics", headers={"Authorization": "Bearer sesame"}).status_code
        == 200
    )
