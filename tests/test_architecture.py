"""Promises about the shape of the code that import-linter cannot check."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.apps import apps
from django.contrib import admin
from django.db import models

from pytake.celery import app as celery_app
from pytake.infra.tenant_models import TenantManager

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pytake", "notifications", "conversations", "flows", "automations", "analytics")
OUR_APPS = ("accounts", "notifications", "conversations", "flows", "analytics")
# Rows that people meet inside another object's page, or never.
NOT_IN_ADMIN = {
    "accounts.RolePermission": "edited inside a role",
    "accounts.UserRole": "edited inside a user",
    "conversations.ContactTag": "edited inside a contact",
    "conversations.ContactImport": "has pages of its own",
    "conversations.ContactImportRow": "shown in the report of an import",
    "conversations.ContactMatch": "merged by itself; the merge is on the contact's page",
    "conversations.ContactMerge": "shown on the contact's page",
    "conversations.CustomField": "has a page of its own",
    "conversations.DepartmentMember": "edited inside a department",
    "conversations.QrLink": "holds a credential for seconds; the connect page shows it",
    "conversations.ContactIdentity": "shown inside a contact",
    "flows.ChatbotNumberLink": "edited inside a chatbot",
}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called == name:
                yield node


def registered_tasks() -> set[str]:
    celery_app.loader.import_default_modules()
    for package in PACKAGES:
        if (ROOT / package / "tasks.py").exists():
            importlib.import_module(f"{package}.tasks")
    return {name for name in current_app.tasks if not name.startswith("celery.")}


def test_every_nudge_names_a_registered_task() -> None:
    tasks = registered_tasks()
    nudged = {
        call.args[0].value: path
        for path, tree in sources()
        for call in calls(tree, "nudge")
        if call.args and isinstance(call.args[0], ast.Constant)
    }

    assert nudged, "nothing is nudged: the scan is broken"
    assert {name: path for name, path in nudged.items() if name not in tasks} == {}


def test_every_task_is_named_after_its_app() -> None:
    wrong = [name for name in registered_tasks() if name.split(".")[0] not in {*OUR_APPS, "django_celery_beat"}]

    assert wrong == []


def test_every_model_is_in_the_admin_or_listed_with_a_reason() -> None:
    missing = [
        model._meta.label
        for label in OUR_APPS
        for model in apps.get_app_config(label).get_models()
        if not admin.site.is_registered(model) and model._meta.label not in NOT_IN_ADMIN
    ]

    assert missing == []


@pytest.mark.parametrize(
    "module",
    [
        "pytake.core.phones",
        "pytake.core.clock",
        "flows.engine.step",
        "conversations.content",
        "conversations.service_window",
    ],
)
def test_pure_modules_load_without_django(module: str) -> None:
    code = f"import {module}, sys; assert 'django' not in sys.modules and 'redis' not in sys.modules"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_simulator_imports_nothing_of_what_it_judges() -> None:
    code = (
        "import conversations.simulator.app, sys;"
        "ours = [m for m in sys.modules if m.split('.')[0] in {'pytake', 'flows', 'notifications', 'django'}"
        " or (m.startswith('conversations.') and not m.startswith('conversations.simulator'))];"
        "assert ours == [], ours"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_no_signals_of_our_own() -> None:
    receivers = [path for path, tree in sources() if any(calls(tree, "receiver")) or any(calls(tree, "Signal"))]

    assert receivers == []


def test_models_never_order_by_default() -> None:
    ordered = [
        model._meta.label
        for label in OUR_APPS
        for model in apps.get_app_config(label).get_models()
        if model._meta.ordering
    ]

    assert ordered == []


def test_files_stay_short() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path, _ in sources()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }

    assert long == {}


def test_every_tenant_model_is_reached_through_a_refusing_manager() -> None:

    loose = [
        model._meta.label
        for label in OUR_APPS
        for model in apps.get_app_config(label).get_models()
        if any(isinstance(f, models.ForeignKey) and f.name == "organization" and not f.null for f in model._meta.fields)
        and not isinstance(model._default_manager, TenantManager)
    ]

    assert loose == []
