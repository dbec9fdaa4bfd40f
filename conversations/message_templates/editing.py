"""What people do with templates: write, submit, change, switch off, release, delete.

What the provider is asked for is decided and committed first; the request leaves outside of any transaction, and what
it answered is written afterwards. Should the answer be lost, reading the account finds out what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.gateway import templates as gateway
from conversations.gateway.templates import Account, TemplateApiError
from conversations.message_templates import accounts, notices, rules, states, sync, wording
from conversations.models import WhatsAppTemplate, WhatsAppTemplateEvent
from pytake.accounts import audit
from pytake.accounts.models import Organization, User
from pytake.core.errors import ConflictError, DomainError

_S = WhatsAppTemplate.Status
_E = WhatsAppTemplateEvent
EDITABLE: Final = frozenset({_S.DRAFT, _S.APPROVED, _S.REJECTED, _S.PAUSED})
# While a draft is being submitted; for so long nobody else submits it.
SUBMITTING: Final = "SUBMITTING"
SUBMITTING_FOR: Final = timedelta(minutes=1)


class InvalidTemplateError(DomainError):
    """The content breaks rules of the provider; `fields` says which and where."""


class ProviderFailedError(DomainError):
    """The provider did not do what it was asked for."""

    code = "PROVIDER_ERROR"
    status = 502
    kind = "provider"


class DuplicateError(ConflictError):
    """The account has a template of this name and language."""

    code = "DUPLICATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What people wrote."""

    name: str
    language: str
    category: str
    parameter_format: str
    components: list[dict[str, Any]]

    def problems(self) -> list[rules.Problem]:
        """Return what the provider would refuse."""
        return rules.check(
            name=self.name,
            language=self.language,
            category=self.category,
            parameter_format=self.parameter_format,
            components=self.components,
        )


def check(draft: Draft) -> None:
    """Raise InvalidTemplateError for what the provider would refuse."""
    found = draft.problems()
    if found:
        raise InvalidTemplateError(_("Check the marked fields."), fields=wording.problems(found))


def write(organization: Organization, account_id: str, draft: Draft, *, by: User, now: datetime) -> WhatsAppTemplate:
    """Keep a draft of ours; only its name and language must be right already."""
    wrong = [row for row in draft.problems() if row.field in {"name", "language", "category", "parameter_format"}]
    if wrong:
        raise InvalidTemplateError(_("Check the marked fields."), fields=wording.problems(wrong))
    template = WhatsAppTemplate(organization=organization, account_id=account_id, created_by=by)
    _fill(template, draft)
    try:
        with transaction.atomic():
            template.save(force_insert=True)
            audit.record(action="template.created", entity=template, by=by, changes={"name": draft.name}, now=now)
    except IntegrityError as exc:
        message = _("A template with this name and language exists already.")
        raise DuplicateError(message, fields={"name": [message]}) from exc
    return template


def _fill(template: WhatsAppTemplate, draft: Draft) -> None:
    template.name, template.language, template.category = draft.name, draft.language, draft.category
    template.parameter_format = draft.parameter_format
    template.set_components(draft.components)


def draft_of(template: WhatsAppTemplate) -> Draft:
    """Return a template's content as a draft."""
    return Draft(
        name=template.name,
        language=template.language,
        category=template.category,
        parameter_format=template.parameter_format,
        components=template.components,
    )


def submit(template: WhatsAppTemplate, *, by: User, now: datetime) -> None:
    """Hand a draft to WhatsApp for review."""
    check(draft_of(template))
    free = Q(submitted_at=None) | Q(submitted_at__lt=now - SUBMITTING_FOR) | ~Q(status_raw=SUBMITTING)
    mine = WhatsAppTemplate.objects.filter(free, pk=template.pk, status=_S.DRAFT, deleted_at=None)
    if not mine.update(status_raw=SUBMITTING, submitted_at=now, updated_at=now):
        raise ConflictError(_("Only drafts can be submitted, and this one is on its way already."))
    body = {
        "name": template.name,
        "language": template.language,
        "category": template.category,
        "parameter_format": template.parameter_format,
        "components": template.components,
    }
    try:
        answer = gateway.create(accounts.access(template.account_id), body)
    except TemplateApiError as exc:
        if not exc.is_unknown:
            WhatsAppTemplate.objects.filter(pk=template.pk, status_raw=SUBMITTING).update(status_raw="")
        if exc.is_unknown or exc.subcode == gateway.NAME_TAKEN:
            sync.request(template.organization_id, template.account_id, now=now)
        raise _failed(exc) from exc
    _submitted(template, answer, by=by, now=now)


@transaction.atomic
def _submitted(template: WhatsAppTemplate, answer: Mapping[str, Any], *, by: User, now: datetime) -> None:
    row = WhatsAppTemplate.objects.select_for_update().get(pk=template.pk)
    row.meta_template_id, row.last_synced_at = str(answer.get("id") or "")[:32], now
    happened: list[WhatsAppTemplateEvent] = []
    if row.status == _S.DRAFT:  # a notice may have been faster
        actor = str(by)
        status = str(answer.get("status") or "PENDING")
        happened = states.move(row, status, at=now, source=_E.Source.PERSON, actor=actor)
    happened += states.recategorise(row, str(answer.get("category") or ""), at=now, source=_E.Source.SYNC)
    states.save([row], happened, now=now)
    notices.to_pages(happened, now=now)
    audit.record(action="template.submitted", entity=row, by=by, now=now)
    template.refresh_from_db()


def change(template: WhatsAppTemplate, draft: Draft, *, by: User, now: datetime) -> None:
    """Replace the content: of a draft here, else at WhatsApp, which reviews it again."""
    if template.status not in EDITABLE or template.deleted_at:
        raise ConflictError(_("Templates in review, disabled and deleted ones cannot be edited."))
    if not template.meta_template_id:
        _change_here(template, draft, by=by, now=now)
        return
    check(draft)
    if template.status == _S.APPROVED and draft.category != template.category:
        message = wording.SUBCODES[2388026][1]
        raise InvalidTemplateError(message, fields={"category": [message]})
    body = {"category": draft.category, "components": draft.components}
    if template.status == _S.APPROVED:
        del body["category"]
    _ask(template, lambda account: gateway.edit(account, template.meta_template_id, body), now=now)
    with transaction.atomic():
        row = WhatsAppTemplate.objects.select_for_update().get(pk=template.pk)
        row.category = draft.category
        actor = str(by)
        happened = states.rewrite(row, draft.components, at=now, source=_E.Source.PERSON)
        happened += states.move(row, "PENDING", at=now, source=_E.Source.PERSON, actor=actor)
        for event in happened:
            event.actor_label = actor[:150]
        row.submitted_at = now
        states.save([row], happened, now=now)
        notices.to_pages(happened, now=now)
        audit.record(action="template.edited", entity=row, by=by, now=now)
    template.refresh_from_db()


def _change_here(template: WhatsAppTemplate, draft: Draft, *, by: User, now: datetime) -> None:
    wrong = [row for row in draft.problems() if row.field in {"name", "language", "category", "parameter_format"}]
    if wrong:
        raise InvalidTemplateError(_("Check the marked fields."), fields=wording.problems(wrong))
    _fill(template, draft)
    try:
        with transaction.atomic():
            template.save()
            audit.record(action="template.edited", entity=template, by=by, now=now)
    except IntegrityError as exc:
        message = _("A template with this name and language exists already.")
        raise DuplicateError(message, fields={"name": [message]}) from exc


@transaction.atomic
def enable(template: WhatsAppTemplate, *, on: bool, by: User, now: datetime) -> None:
    """Let people use a template, or not; nothing changes at WhatsApp."""
    row = WhatsAppTemplate.objects.select_for_update().get(pk=template.pk)
    if row.is_enabled != on:
        row.is_enabled = on
        row.save(update_fields=["is_enabled", "updated_at"])
        old, new = ("off", "on") if on else ("on", "off")
        source = _E.Source.PERSON
        happened = states.event(row, _E.Kind.ENABLED, old=old, new=new, source=source, at=now, actor=str(by))
        states.save([], [happened], now=now)
        notices.to_pages([happened], now=now)
        audit.record(action="template.enabled" if on else "template.switched_off", entity=row, by=by, now=now)
    template.is_enabled = on


def release(template: WhatsAppTemplate, *, by: User, now: datetime) -> None:
    """End a pause of WhatsApp by hand."""
    if template.status != _S.PAUSED or not template.meta_template_id:
        raise ConflictError(_("Only paused templates can be released."))
    _ask(template, lambda account: gateway.unpause(account, template.meta_template_id), now=now)
    _move(template, "APPROVED", by=by, now=now, action="template.released")


def delete(template: WhatsAppTemplate, *, by: User, now: datetime, at_provider: bool = True) -> None:
    """Delete one language of a template, at WhatsApp too unless told otherwise."""
    if template.is_system_template:
        raise ConflictError(_("This template belongs to PyTake and cannot be deleted."))
    if at_provider and template.meta_template_id:
        try:
            gateway.delete(
                accounts.access(template.account_id), name=template.name, template_id=template.meta_template_id
            )
        except TemplateApiError as exc:
            if exc.kind != "gone" or not exc.code:  # gone already: that is what was wanted
                raise _failed(exc) from exc
    _move(template, "DELETED", by=by, now=now, action="template.deleted")


@transaction.atomic
def _move(template: WhatsAppTemplate, raw: str, *, by: User, now: datetime, action: str) -> None:
    row = WhatsAppTemplate.objects.select_for_update().get(pk=template.pk)
    happened = states.move(row, raw, at=now, source=_E.Source.PERSON, actor=str(by))
    states.save([row], happened, now=now)
    notices.to_pages(happened, now=now)
    audit.record(action=action, entity=row, by=by, changes={"name": row.name}, now=now)
    template.refresh_from_db()


def _ask(template: WhatsAppTemplate, call: Callable[[Account], None], *, now: datetime) -> None:
    try:
        call(accounts.access(template.account_id))
    except TemplateApiError as exc:
        if exc.is_unknown or exc.kind == "gone":
            sync.request(template.organization_id, template.account_id, now=now)
        raise _failed(exc) from exc


def _failed(error: TemplateApiError) -> DomainError:
    field, text = wording.SUBCODES.get(error.subcode, ("", ""))
    message = wording.failure(error)
    if error.kind == "refused":
        # What the rules here let pass: the provider's word counts, at the field where it belongs.
        return InvalidTemplateError(message, fields={field: [text]} if field else {})
    return ProviderFailedError(message)
