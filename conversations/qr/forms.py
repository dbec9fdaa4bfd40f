"""Forms of the connect wizard."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from conversations.qr import links
from pytake.core import phones

_DIGITS = re.compile(r"\D")


class NewNumberForm(forms.Form):
    """A number to pair: how it is called, and at which server."""

    display_name = forms.CharField(
        label=_("Name of the number"),
        max_length=120,
        help_text=_("How your team recognises it, for example “Shop downtown”."),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    server_url = forms.URLField(
        label=_("Address of your Evolution API server"),
        max_length=255,
        required=False,
        assume_scheme="https",
        widget=forms.URLInput(
            attrs={"class": "input", "placeholder": "https://evolution.example.com", "autocomplete": "off"}
        ),
    )
    api_key = forms.CharField(
        label=_("Key of the server"),
        max_length=255,
        required=False,
        help_text=_("The global key (AUTHENTICATION_API_KEY). It is stored encrypted and never shown again."),
        widget=forms.PasswordInput(attrs={"class": "input", "autocomplete": "off"}, render_value=False),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_shared = links.has_shared_server()
        if self.is_shared:
            self.fields["server_url"].help_text = _("Leave empty to use the server of this installation.")

    def clean(self) -> dict[str, Any]:
        """Ask for a server unless there is a shared one, and for its key."""
        cleaned: dict[str, Any] = super().clean() or {}
        url = cleaned.get("server_url") or ""
        if not url and not self.is_shared and "server_url" not in self.errors:
            self.add_error("server_url", _("Give the address of your server."))
        if url and not cleaned.get("api_key"):
            self.add_error("api_key", _("Give the key of the server."))
        if url and "server_url" not in self.errors:
            try:
                links.check_address(url)
            except links.ServerAddressError as exc:
                self.add_error("server_url", str(exc))
        return cleaned


class PhoneForm(forms.Form):
    """The phone for a pairing code."""

    phone = forms.CharField(
        label=_("Phone number with area code"),
        max_length=30,
        widget=forms.TextInput(
            attrs={"class": "input", "inputmode": "tel", "placeholder": "11 98765-4321", "autocomplete": "tel"}
        ),
    )

    def clean_phone(self) -> str:
        """Return digits with country code."""
        try:
            return phones.normalize_phone(self.cleaned_data["phone"])
        except phones.InvalidPhoneError as exc:
            raise forms.ValidationError(_("Give the number with its area code, for example 11 98765-4321.")) from exc
