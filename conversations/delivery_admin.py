"""The back office of sending: what could not be delivered, what has been stopped, what waits for limits."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from conversations import breakers, number_health, repairs
from conversations.back_office import RepairsAdmin, member
from conversations.inbox import failures
from conversations.models import CircuitBreaker, DeadLetter, Message, SendingLane
from pytake.accounts import permissions
from pytake.accounts.models import User
from pytake.infra.admin import ReadOnlyAdmin

permissions.register_admin("conversations.deadletter", view="conversations.view", change="jobs.manage")
permissions.register_admin("conversations.circuitbreaker", view="numbers.view", change="numbers.manage")
permissions.register_admin("conversations.sendinglane", view="numbers.view", change="numbers.manage")

AT_ONCE: Final = 500
SAMPLE: Final = 10


def send_again(page: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
    """Send chosen messages again; those that may have arrived only after a warning."""
    chosen = list(Message.objects.filter(pk__in=queryset.values("pk")).select_related("contact")[:AT_ONCE])
    unsure = [row for row in chosen if row.dispatch_state in repairs.UNCONFIRMED]
    answer = request.POST.get("may_repeat", "")
    if unsure and not answer:
        return _ask(page, request, chosen, unsure)
    outcome = repairs.send_all_again(chosen, by=member(request), now=timezone.now(), may_repeat=answer == "yes")
    if count := len(outcome.sent):
        text = ngettext("%(count)d message is being sent again.", "%(count)d messages are being sent again.", count)
        messages.success(request, text % {"count": count})
    for reason, times in Counter(str(refusal) for _row, refusal in outcome.refused).items():
        messages.error(request, f"{reason} ({times})")
    return None


def _ask(page: Any, request: HttpRequest, chosen: list[Message], unsure: list[Message]) -> TemplateResponse:
    context = {
        **page.admin_site.each_context(request),
        "title": _("Send again?"),
        "count": len(unsure),
        "certain": len(chosen) - len(unsure),
        "sample": unsure[:SAMPLE],
        "keys": [row.pk for row in chosen],
        "action": request.POST["action"],
        "back": reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"),
        "opts": page.opts,
    }
    return TemplateResponse(request, "back_office/send_again.html", context)


class KindFilter(admin.SimpleListFilter):
    """By what the failure concerns."""

    title = _("concerns")
    parameter_name = "concerns"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the classes of errors."""
        return list(failures.KINDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep failures of the class."""
        if self.value() not in failures.KINDS:
            return queryset
        return queryset.filter(error_code__in=failures.codes_of(str(self.value())))


@admin.register(DeadLetter)
class DeadLetterAdmin(RepairsAdmin):
    """Messages that failed for good, or whose outcome is unknown; people may send them again."""

    exclude = ("address_value", "claim_token", "client_key", "content", "extra", "error_title")
    list_display = ("created_at", "contact", "number", "outcome", "concerns", "reason", "attempts", "excerpt")
    list_filter = ("dispatch_state", KindFilter, "sender_type", "number")
    list_select_related = ("contact", "number")
    search_fields = ("id", "conversation__id", "error_code", "contact__name", "contact__profile_name")
    date_hierarchy = "created_at"
    readonly_fields = ("reason", "concerns")
    actions = ("send_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Show what ended badly, of threads that the person may see."""
        ended = Q(dispatch_state__in=["failed", "unknown", "abandoned"])
        return super().get_queryset(request).filter(ended, direction="outbound")

    @display(  # type: ignore[untyped-decorator]  # unfold has no types
        description=_("outcome"),
        label={"failed": "danger", "unknown": "warning", "abandoned": "warning"},
    )
    def outcome(self, row: Message) -> tuple[str, str]:
        """Return where the sending ended."""
        return row.dispatch_state, row.get_dispatch_state_display()

    @admin.display(description=_("concerns"))
    def concerns(self, row: Message) -> str:
        """Return what the failure concerns."""
        return str(failures.KINDS.get(failures.kind_of(row.error_code), "–"))

    @admin.display(description=_("reason"))
    def reason(self, row: Message) -> str:
        """Return why it failed, in words."""
        return failures.reason(row)

    @admin.display(description=_("text"))
    def excerpt(self, row: Message) -> str:
        """Return the beginning of the text."""
        return row.text[:80]

    @admin.action(description=_("Send again (as a new message)"), permissions=["repair"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Write new intents for messages that failed; ask first where the outcome is unknown."""
        return send_again(self, request, queryset)


@admin.register(CircuitBreaker)
class CircuitBreakerAdmin(ReadOnlyAdmin):
    """What has been stopped after failures."""

    exclude = ("probe_message",)
    list_display = ("number", "scope", "scope_key", "standing", "reason", "opened_at", "retry_at", "reopenings")
    list_filter = ("state", "scope", "number")
    list_select_related = ("number",)
    search_fields = ("scope_key", "reason_code")
    ordering = ("-opened_at",)
    actions = ("reset",)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may let messages pass again."""
        return isinstance(request.user, User) and request.user.can("numbers.manage")

    @display(  # type: ignore[untyped-decorator]  # unfold has no types
        description=_("state"), label={"closed": "success", "open": "danger", "half_open": "warning"}
    )
    def standing(self, row: CircuitBreaker) -> tuple[str, str]:
        """Return whether messages pass."""
        return row.state, row.get_state_display()

    @admin.display(description=_("reason"))
    def reason(self, row: CircuitBreaker) -> str:
        """Return why it was stopped, in words."""
        if not row.reason_code:
            return "–"
        said = failures.REASONS.get(row.reason_code) or row.reason_detail or _("No reason was given")
        return f"{said} ({row.reason_code})"

    @admin.action(description=_("Send again from now on (reset)"), permissions=["reset"])
    def reset(self, request: HttpRequest, queryset: QuerySet[CircuitBreaker]) -> None:
        """Close them; what they held leaves at once."""
        now = timezone.now()
        count = sum(breakers.reset(row, by=member(request), now=now) for row in queryset[:AT_ONCE])
        text = ngettext("%(count)d breaker was reset.", "%(count)d breakers were reset.", count)
        messages.success(request, text % {"count": count})


@admin.register(SendingLane)
class SendingLaneAdmin(ReadOnlyAdmin):
    """Which limits hold the messages of a number back."""

    exclude = ("limits",)
    readonly_fields = ("active",)
    list_display = ("number", "active", "resting_until", "served_at")
    list_select_related = ("number",)
    ordering = ("-served_at",)

    @admin.display(description=_("limits"))
    def active(self, row: SendingLane) -> str:
        """Return the limits that hold messages back now, and until when."""
        shown = number_health.active_limits(row, now=timezone.now())
        return (
            ", ".join(f"{limit.label} ({date_format(timezone.localtime(limit.until), 'H:i:s')})" for limit in shown)
            or "–"
        )
