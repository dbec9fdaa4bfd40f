"""Pages of numbers: the list, registration, settings, credentials, profile, connection."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages as flashes
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from conversations import numbers
from conversations.gateway.management import ProviderError
from conversations.health import figures, risk, sending_state, words
from conversations.models import WhatsAppNumber
from conversations.numbers_pages import frame
from conversations.numbers_pages.forms import (
    CredentialsForm,
    DeleteForm,
    ProfileForm,
    RegisterForm,
    SettingsForm,
    new_verify_token,
)
from conversations.official import profile, proofs, registration
from pytake.accounts import audit
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.accounts.models import Organization
from pytake.core.errors import DomainError
from pytake.infra.crypto import DecryptionError


@requires("numbers.view")
@require_GET
def number_list(request: MemberRequest) -> HttpResponse:
    """List numbers with state, quality, limits and what they sent in 24 hours."""
    now = timezone.now()
    rows = list(WhatsAppNumber.objects.visible_to(request.user).alive().order_by("display_name", "pk")[:200])
    volumes: dict[uuid.UUID, figures.Volume] = {}
    for organization_id in {row.organization_id for row in rows}:
        mine = [row.pk for row in rows if row.organization_id == organization_id]
        volumes |= figures.volumes(organization_id, mine, spam=risk.SPAM_CODES, now=now)
    context = {
        "rows": [
            {
                "number": row,
                "sent": frame.counted(volumes[row.pk].sent, is_part=volumes[row.pk].is_part),
                "quality": words.quality(row.quality_rating),
                "tier": words.tier(row.messaging_limit_tier),
                "risk_class": frame.RISK_CLASSES[row.risk_level],
                "day": next((window for window in sending_state.windows(row, now=now) if window.name == "day"), None)
                if row.limit_per_day
                else None,
            }
            for row in rows
        ],
        "can_manage": request.user.can("numbers.manage"),
    }
    return render(request, "numbers/list.html", context)


@requires("numbers.manage")
@never_cache
def register(request: MemberRequest) -> HttpResponse:
    """Ask for a number's ids and secrets; register it when WhatsApp confirms them."""
    status = 200
    form = RegisterForm(initial={"verify_token": new_verify_token()})
    if request.method == "POST":
        status = 422
        form = RegisterForm(request.POST)
        number = _register(request, form) if form.is_valid() else None
        if number is not None:
            flashes.success(request, gettext("Number registered. One step is left: the webhook."))
            return redirect("numbers:credentials", pk=number.pk)
    context = {"form": form, "callback": callback()}
    return render(request, "numbers/new.html", context, status=status)


def _register(request: MemberRequest, form: RegisterForm) -> WhatsAppNumber | None:
    organization = Organization.objects.of_context()
    data: dict[str, str] = dict(form.cleaned_data)
    if organization is None:
        form.add_error(None, gettext("Choose an organization first."))
        return None
    account_id = data.pop("whatsapp_business_account_id")
    try:
        return registration.register(organization, account_id=account_id, by=request.user, now=timezone.now(), **data)
    except DomainError as exc:
        frame.refused(request, exc, form)
        return None


def callback() -> str:
    """Return the address that WhatsApp posts to."""
    return f"{settings.SITE_URL}/api/v1/whatsapp/webhook"


@requires("numbers.view")
def settings_tab(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show what answers on a number; save the form when it is posted."""
    number, status = frame.found(request, pk), 200
    form = SettingsForm(instance=number)
    if request.method == "POST":
        if not request.user.can("numbers.manage"):
            raise PermissionDenied
        form = SettingsForm(request.POST, instance=frame.found(request, pk))
        if form.is_valid():
            registration.edit(number, form.changes(), by=request.user, now=timezone.now())
            flashes.success(request, gettext("Settings saved"))
            return redirect(request.path)
        status = 422
    return frame.page(request, number, "number", {"form": form}, status=status)


@requires("numbers.manage")
def credentials_tab(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show which credentials there are, never themselves; replace them when the form is posted."""
    number, status = frame.official(request, pk), 200
    form = CredentialsForm()
    if request.method == "POST":
        status, form = 422, CredentialsForm(request.POST)
        if form.is_valid():
            try:
                now = timezone.now()
                registration.replace_credentials(number, by=request.user, now=now, **form.cleaned_data)
            except DomainError as exc:
                frame.refused(request, exc, form)
            else:
                flashes.success(request, gettext("Credentials replaced"))
                return redirect(request.path)
    return _credentials(request, number, form, status=status)


def _credentials(
    request: MemberRequest,
    number: WhatsAppNumber,
    form: CredentialsForm,
    *,
    status: int = 200,
    verify_token: str = "",
) -> HttpResponse:
    secrets = [
        (gettext("Access token"), _masked(number, "access_token")),
        (gettext("App secret"), _masked(number, "app_secret")),
        (gettext("Verify token"), _masked(number, "verify_token")),
    ]
    context = {
        "form": form,
        "secrets": secrets,
        "has_previous": len(number.app_secret_envelopes) > 1,
        "callback": callback(),
        "verify_token": verify_token,
    }
    return frame.page(request, number, "credentials", context, status=status)


def _masked(number: WhatsAppNumber, name: str) -> str:
    """Return the last four characters of a secret at most; a short one shows none."""
    try:
        value = numbers.secret(number, name)
    except DecryptionError:
        return gettext("cannot be read")
    if not value:
        return gettext("missing")
    return "•••••••• " + (value[-4:] if len(value) >= 16 else "")


@requires("numbers.manage")
@require_POST
def show_verify_token(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the word for the handshake, to be typed at Meta; written down who looked."""
    number = frame.official(request, pk)
    try:
        token = numbers.verify_token(number)
    except DecryptionError:
        flashes.error(request, gettext("The stored token cannot be read. Enter it again."))
        return redirect("numbers:credentials", pk=pk)
    audit.record(action="number.verify_token_shown", entity=number, by=request.user, request=request)
    return _credentials(request, number, CredentialsForm(), verify_token=token)


@requires("numbers.manage")
@require_POST
def test_credentials(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask WhatsApp whether the stored credentials work."""
    number = frame.official(request, pk)
    try:
        registration.test(number, now=timezone.now())
    except DomainError as exc:
        frame.refused(request, exc)
    else:
        flashes.success(request, gettext("WhatsApp accepts the credentials."))
    return redirect("numbers:credentials", pk=pk)


@requires("numbers.manage")
@require_POST
def set_up_webhook(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Have WhatsApp send this account's webhooks here; it verifies the address at once."""
    number = frame.official(request, pk)
    try:
        line = proofs.management(numbers.access_token(number))
        token = numbers.verify_token(number)
        line.subscribe(number.whatsapp_business_account_id, callback=callback(), verify_token=token)
    except (ProviderError, DecryptionError) as exc:
        detail = exc.detail if isinstance(exc, ProviderError) else ""
        text = gettext("WhatsApp could not reach this address, or refused it: %(detail)s") % {"detail": detail or "—"}
        flashes.error(request, text)
    else:
        audit.record(action="number.webhook_set_up", entity=number, by=request.user, request=request)
        flashes.success(request, gettext("WhatsApp has verified the webhook."))
    return redirect("numbers:credentials", pk=pk)


@requires("numbers.manage")
def profile_tab(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the business page in WhatsApp, read just now; write it when the form is posted."""
    number, status, problem = frame.official(request, pk), 200, ""
    if request.method == "POST":
        status, form = 422, ProfileForm(request.POST)
        if form.is_valid():
            try:
                profile.write(number, form.values(), by=request.user, now=timezone.now())
            except (DomainError, DecryptionError) as exc:
                form.add_error(None, _problem(exc))
            else:
                flashes.success(request, gettext("Profile saved in WhatsApp"))
                return redirect(request.path)
    else:
        kept: dict[str, Any] = number.profile or {}
        if number.phone_number_id:
            try:
                kept = profile.read(number)
            except (DomainError, DecryptionError) as exc:
                problem = _problem(exc)
        form = ProfileForm(initial=ProfileForm.initial_of(kept))
    context = {"form": form, "problem": problem, "picture": (number.profile or {}).get("profile_picture_url", "")}
    return frame.page(request, number, "profile", context, status=status)


def _problem(exc: DomainError | DecryptionError) -> str:
    if isinstance(exc, DomainError):
        return str(exc.message)
    return gettext("The stored token cannot be read. Enter it again.")


@requires("numbers.manage")
@require_GET
def connection_tab(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show how to disconnect, connect again, and delete."""
    number = frame.found(request, pk)
    return frame.page(request, number, "connection", {"form": DeleteForm(name=number.display_name)})


@requires("numbers.manage")
@require_POST
def disconnect(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Stop sending and receiving; it can be taken back."""
    number = frame.found(request, pk)
    registration.disconnect(number, by=request.user, now=timezone.now())
    flashes.success(request, gettext("Number disconnected. You can connect it again at any time."))
    return redirect("numbers:connection", pk=pk)


@requires("numbers.manage")
@require_POST
def reconnect(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Take it up again once its credentials have proven to work."""
    number = frame.found(request, pk)
    if number.is_qr:
        return redirect("inbox:qr-connect", pk=pk)
    try:
        registration.reconnect(number, by=request.user, now=timezone.now())
    except DomainError as exc:
        frame.refused(request, exc)
    else:
        flashes.success(request, gettext("Number connected"))
    return redirect("numbers:connection", pk=pk)


@requires("numbers.manage")
@require_POST
def delete(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Delete a number whose name was typed."""
    number = frame.found(request, pk)
    form = DeleteForm(request.POST, name=number.display_name)
    if not form.is_valid():
        return frame.page(request, number, "connection", {"form": form}, status=422)
    registration.remove(number, by=request.user, now=timezone.now())
    flashes.success(request, gettext("Number deleted. Its conversations stay."))
    return redirect("numbers:list")
