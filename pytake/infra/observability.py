"""Log lines as JSON (or coloured text on a console), the same for Django, Celery, uvicorn, granian and ours.

Every line carries what is bound: request_id, organization_id, user_id, task_id. Every line passes the
redaction, error reports to Sentry too. Django calls `configure` at start-up (setting LOGGING_CONFIG).
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final

import orjson
import sentry_sdk
import structlog
from celery import signals

from pytake.infra import redaction

Event = MutableMapping[str, Any]
log = structlog.get_logger(__name__)
# Loggers to which servers and libraries attach handlers of their own.
_SERVERS: Final = (
    "uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "_granian", "granian", "granian.access",
    "celery", "celery.task", "celery.worker", "celery.redirected", "kombu", "django", "django.server", "django.request",
    "gunicorn.error", "gunicorn.access", "asyncio",
)  # fmt: skip
# Libraries that log every step, contents included.
_QUIET: Final = ("asyncio", "kombu", "amqp", "urllib3", "aiohttp", "websockets", "redis", "PIL", "axes", "faker")
_KEPT: Final = ("event", "level", "logger", "timestamp")


def configure(options: Mapping[str, Any]) -> None:
    """Set up the process; `options` has format (json, console), level, sentry_dsn, release. May be repeated."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_formatter(shared, json=options["format"] == "json"))
    _attach(handler, str(options["level"]).upper())
    _hook_uncaught()
    if options.get("sentry_dsn"):
        _report_to_sentry(str(options["sentry_dsn"]), str(options.get("release", "")))


def _formatter(shared: list[Any], *, json: bool) -> logging.Formatter:
    renderer: Any = (
        _to_json
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(_EXTRAS)],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    )


# What libraries attach to records and is fit for a line; others attach whole requests.
_EXTRAS: Final = ("status_code", "task_name", "runtime")


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """Leave out what must not be kept (structlog's processor)."""
    return {
        key: redaction.clean_text(str(value))
        if key in _KEPT or key == "exception"
        else redaction.clean({key: value})[key]
        for key, value in event.items()
    }


def _to_json(_logger: Any, _method: str, event: Event) -> str:
    line = {"time": event.pop("timestamp", None), "level": event.pop("level", ""), "logger": event.pop("logger", "")}
    line["message"] = event.pop("event", "")
    return orjson.dumps({**line, **event}, default=str).decode()


def _attach(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    for old in list(root.handlers):
        # Keep what others put there on purpose, such as pytest.
        if type(old) is logging.StreamHandler:
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _SERVERS:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    logging.captureWarnings(capture=True)


def _hook_uncaught() -> None:
    """Log what nobody caught: in the process and in its threads."""

    def process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        log.critical("process.failed", exc_info=(kind, error, trace))

    def thread(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_type is not SystemExit:
            error = failure.exc_value or failure.exc_type()
            log.critical("thread.failed", exc_info=(failure.exc_type, error, failure.exc_traceback))

    sys.excepthook = process
    threading.excepthook = thread


def _report_to_sentry(dsn: str, release: str) -> None:
    def cleaned(event: Any, _hint: Any) -> Any:
        event.get("request", {}).pop("data", None)
        return redaction.clean(event)

    sentry_sdk.init(
        dsn=dsn,
        release=release,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        before_send=cleaned,
        before_send_transaction=cleaned,
        before_breadcrumb=lambda crumb, _hint: redaction.clean(crumb),
    )


def connect_celery() -> None:
    """Let Celery use our log lines, and bind each task's id to them. Called where the application is made."""
    signals.setup_logging.connect(_leave_logging_alone, weak=False)
    signals.task_prerun.connect(_bind_task, weak=False)
    signals.task_postrun.connect(_unbind_task, weak=False)
    signals.task_failure.connect(_note_failure, weak=False)


def _leave_logging_alone(**_: Any) -> None:
    """Answer Celery's question whether anybody sets up logging: yes, Django has called `configure`."""


def _bind_task(task_id: str = "", task: Any = None, **_: Any) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task_id=task_id, task=getattr(task, "name", ""))


def _unbind_task(**_: Any) -> None:
    structlog.contextvars.clear_contextvars()


def _note_failure(sender: Any = None, **_: Any) -> None:
    log.error("task.failed", task=getattr(sender, "name", ""))
