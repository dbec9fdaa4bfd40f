"""Compiled flow versions, kept in this process. Versions never change, so entries never go stale."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from flows.engine.program import Program, compile_graph
from flows.models import Flow, FlowVersion
from pytake.infra import tenancy

KEPT: Final = 500

_programs: OrderedDict[tuple[str, str], Program] = OrderedDict()
_lock = threading.Lock()


def get(version_id: uuid.UUID | str) -> Program | None:
    """Return the program of a version of the context's organization; None if there is none."""
    return load([version_id]).get(str(version_id))


def load(version_ids: Iterable[uuid.UUID | str]) -> dict[str, Program]:
    """Return programs by version id; those not in memory are read with one query."""
    # The organization is part of the key: what one may see says nothing about another.
    scope = tenancy.require_scope()
    wanted = {str(version_id) for version_id in version_ids}
    with _lock:
        found = {key: _programs[scope, key] for key in wanted if (scope, key) in _programs}
    missing = wanted - found.keys()
    if missing:
        for version in FlowVersion.objects.filter(pk__in=missing):
            found[str(version.pk)] = _keep(
                scope, str(version.pk), compile_graph(version.graph, program_id=str(version.pk))
            )
    return found


def published(flow_id: str) -> Program | None:
    """Return the published program of a flow (for jumps); None if it has none."""
    try:
        key = uuid.UUID(flow_id)
    except ValueError:
        return None
    version_id = (
        Flow.objects.alive().filter(pk=key, is_active=True).values_list("published_version_id", flat=True).first()
    )
    return get(version_id) if version_id else None


def _keep(scope: str, key: str, program: Program) -> Program:
    with _lock:
        _programs[scope, key] = program
        _programs.move_to_end((scope, key))
        while len(_programs) > KEPT:
            _programs.popitem(last=False)
    return program
