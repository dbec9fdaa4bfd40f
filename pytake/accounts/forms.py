"""Forms of the account pages."""

from __future__ import annotations

from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from pytake.accounts.models import Organization, User

_ZONES = [(name, name.replace("_", " ")) for name in sorted(available_timezones()) if "/" in name]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """What people edit of themselves."""

    language = forms.ChoiceField(
        label=_("Language"), choices=[("", _("That of the organization")), *settings.LANGUAGES], required=False
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"), choices=[("", _("That of the organization")), *_ZONES], required=False
    )

    class Meta:
        model = User
        fields = ("full_name", "phone", "bio", "language", "timezone", "agent_greeting_message")
        widgets = {
            "bio": forms.Textarea(attrs={"rows": 2}),
            "agent_greeting_message": forms.Textarea(attrs={"rows": 2}),
        }


class SwitchForm(forms.Form):
    """The organization that a platform operator acts for; none = the platform."""

    organization = forms.ModelChoiceField(queryset=Organization.objects.alive(), required=False)
