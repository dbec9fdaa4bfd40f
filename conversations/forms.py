"""Forms of the back office."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget

from conversations.models import WhatsAppNumber


def _secret(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=False, max_length=1000, widget=UnfoldAdminPasswordWidget()
    )


class NumberForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A number of the Cloud API. Secrets go in and never come out; left empty they stay as they are."""

    access_token = _secret(_("access token"), _("Token of a system user. Leave empty to keep the present one."))
    app_secret = _secret(
        _("app secret"), _("Signs what Meta sends. The previous one stays valid until you replace it again.")
    )
    verify_token = _secret(_("verify token"), _("A word of your choice that Meta repeats when you set the callback."))

    class Meta:
        model = WhatsAppNumber
        fields = ("phone_number", "display_name", "phone_number_id", "whatsapp_business_account_id")
