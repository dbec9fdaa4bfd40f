"""`Idempotency-Key`: a POST that is repeated with the same key is answered again, not carried out again.

Records belong to an organization; anonymous requests are not covered (their answers hold tokens). The
stored answer is encrypted, because it may show a secret once. A request that died half-way keeps its
key in progress until it expires: nobody can know whether it was carried out.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from pytake.accounts.models import IdempotencyRecord
from pytake.core.errors import ConflictError, RateLimitedError
from pytake.infra import crypto, tenancy

HEADER: Final = "Idempotency-Key"
KEPT_FOR: Final = timedelta(hours=24)
_LENGTH_MAX: Final = 128
# Answers that say nothing about whether the request was carried out, or will be different next time.
_NOT_KEPT: Final = (401, 403, 429)


class ReplayError(Exception):
    """Not an error: carries the first answer past the view."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class InProgressError(RateLimitedError):
    """The first request with this key is still running."""

    code = "IDEMPOTENCY_IN_PROGRESS"
    status = 409
    kind = "conflict"


class Idempotent:
    """Mixin for API views: keeps and replays answers of POSTs."""

    request: Any
    _record: IdempotencyRecord | None = None

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """After the caller is known and allowed, look for an earlier answer."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # a mixin for API views
        key = request.headers.get(HEADER)
        if request.method == "POST" and key is not None and request.user.is_authenticated:
            self._record = _begin(request, key, now=timezone.now())

    def handle_exception(self, exc: Exception) -> Response:
        """Answer with what was kept; forget the key when the server failed."""
        if isinstance(exc, ReplayError):
            return exc.response
        try:
            response: Response = super().handle_exception(exc)  # type: ignore[misc]  # a mixin for API views
        except Exception:
            self._forget()
            raise
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep the answer."""
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]  # a mixin
        if self._record is not None:
            if response.status_code >= 500 or response.status_code in _NOT_KEPT:
                self._forget()
            else:
                _keep(self._record, response)
                self._record = None
        return response

    def _forget(self) -> None:
        if self._record is not None:
            with tenancy.organization_context(self._record.organization_id):
                self._record.delete()
            self._record = None


def _begin(request: Any, key: str, *, now: datetime) -> IdempotencyRecord | None:
    """Take the key, or raise what the earlier request with it calls for."""
    if not 1 <= len(key) <= _LENGTH_MAX or "\x00" in key:
        raise ValidationError({HEADER: [_("The key must have 1 to 128 characters.")]})
    organization_id = tenancy.current_organization_id()
    if organization_id is None:
        return None
    identity = {
        "organization_id": organization_id,
        "actor": _actor(request),
        "method": request.method,
        "path": request.path[:255],
        "key": key,
    }
    digest = _digest(request)
    IdempotencyRecord.objects.filter(**identity, expires_at__lte=now).delete()
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(**identity, request_hash=digest, expires_at=now + KEPT_FOR)
    except IntegrityError:
        first = IdempotencyRecord.objects.filter(**identity).first()
    if first is None or first.state == IdempotencyRecord.State.IN_PROGRESS:
        if first is not None and first.request_hash != digest:
            raise _reused()
        raise InProgressError(_("The first request with this key is still running."), retry_after_s=1)
    if first.request_hash != digest:
        raise _reused()
    raise ReplayError(_replay(first))


def _reused() -> ConflictError:
    return ConflictError(_("This key was used with another request."), code="IDEMPOTENCY_KEY_REUSED")


def _actor(request: Any) -> str:
    return f"user:{request.user.pk}"


def _digest(request: Any) -> str:
    """Return a hash of the query and the parsed body (the raw one has been read)."""
    content = [request.META.get("QUERY_STRING", ""), request.data]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _context(record: IdempotencyRecord) -> str:
    return f"{record.organization_id}:idempotency.response_body"


def _keep(record: IdempotencyRecord, response: Any) -> None:
    body = JSONRenderer().render(response.data).decode() if response.data is not None else ""
    with tenancy.organization_context(record.organization_id):
        IdempotencyRecord.objects.filter(pk=record.pk).update(
            state=IdempotencyRecord.State.DONE,
            response_status=response.status_code,
            response_body=crypto.encrypt(body, context=_context(record)),
        )


def _replay(record: IdempotencyRecord) -> Response:
    body = crypto.decrypt(record.response_body or "", context=_context(record))
    data = json.loads(body) if body else None
    return Response(data, status=record.response_status, headers={"Idempotent-Replay": "true"})
