"""Forms of numbers. Secrets go in and never come out, but for what was just typed and refused."""

from __future__ import annotations

import secrets
from typing import Any, Final

from django import forms
from django.core.validators import MaxValueValidator, RegexValidator
from django.utils.translation import gettext_lazy as _

from conversations import away
from conversations.models import WhatsAppNumber
from conversations.official import profile
from conversations.official.registration import KNOWN_ID

_TARGETS: Final = ("default_chatbot", "default_flow", "default_department")
_DIGITS = RegexValidator(KNOWN_ID, _("An id of WhatsApp is a row of digits."))


def _id(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=32,
        validators=[_DIGITS],
        widget=forms.TextInput(attrs={"class": "input", "inputmode": "numeric", "autocomplete": "off"}),
    )


def _secret(label: Any, help_text: Any, *, required: bool, most: int = 1000) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=required,
        max_length=most,
        # What was refused is not typed again: it comes back to the person who just sent it.
        widget=forms.PasswordInput(
            render_value=True, attrs={"class": "input", "autocomplete": "off", "spellcheck": "false"}
        ),
    )


def new_verify_token() -> str:
    """Return a word for the provider's handshake that nobody guesses."""
    return secrets.token_urlsafe(24)


class RegisterForm(forms.Form):
    """A number of the Cloud API."""

    phone_number_id = _id(_("Phone number id"), _("WhatsApp Manager or your app, “API setup”. Not the phone number."))
    whatsapp_business_account_id = _id(_("WhatsApp Business account id"), _("On the same page, below the first one."))
    access_token = _secret(
        _("Access token"),
        _("Of a system user, with the permissions whatsapp_business_messaging and whatsapp_business_management."),
        required=True,
    )
    app_secret = _secret(
        _("App secret"),
        _("App settings, Basic. It signs what WhatsApp sends, so that nobody else can."),
        required=True,
        most=200,
    )
    verify_token = forms.CharField(
        label=_("Verify token"),
        help_text=_("A word that WhatsApp repeats when the webhook is set up. Keep this one or choose your own."),
        min_length=8,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "spellcheck": "false"}),
    )
    display_name = forms.CharField(
        label=_("Name in PyTake"),
        help_text=_("Left empty, the name that WhatsApp shows."),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"class": "input"}),
    )


class CredentialsForm(forms.Form):
    """New secrets; what is left empty stays."""

    access_token = _secret(_("New access token"), _("Leave empty to keep the present one."), required=False)
    app_secret = _secret(
        _("New app secret"),
        _("The present one stays valid beside it until the next change, so that nothing is lost while you switch."),
        required=False,
        most=200,
    )
    verify_token = _secret(
        _("New verify token"), _("Needed only when the webhook is set up again."), required=False, most=200
    )

    def clean(self) -> dict[str, Any]:
        """Ask for at least one."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and not any(cleaned.values()):
            self.add_error(None, _("Enter what you want to replace."))
        return cleaned


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What answers on a number, and who gets what no bot answers."""

    fallback_message = forms.CharField(
        label=_("Fallback message"),
        help_text=_("Said once when no bot answers and the conversation waits for a person. Empty: nothing is said."),
        required=False,
        max_length=away.TEXT_MAX,
        widget=forms.Textarea(attrs={"class": "input", "rows": 3}),
    )

    class Meta:
        model = WhatsAppNumber
        fields = ("display_name", *_TARGETS, "is_fallback")
        labels = {"display_name": _("Name in PyTake"), "is_fallback": _("Fallback number of the organization")}
        help_texts = {
            "default_flow": _("Goes before the chatbot's own main flow."),
            "default_department": _("Gets what no bot answers."),
            "is_fallback": _("Its default flow answers on numbers where nothing else does. One number at most."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fallback_message"].initial = (self.instance.settings or {}).get(away.SETTING, "")
        for name in _TARGETS:
            field: Any = self.fields[name]
            # Asked for anew: a form's class is made outside of any organization.
            field.queryset = _choices(field.queryset.model)
            if name == "default_flow":
                field.label_from_instance = lambda row: f"{row.chatbot.name}: {row.name}"
            field.empty_label = _("None")
        for name, field in self.fields.items():
            if name != "is_fallback":
                field.widget.attrs.setdefault("class", "input")

    def changes(self) -> dict[str, Any]:
        """Return the columns that were changed."""
        found = {name: self.cleaned_data[name] for name in self.changed_data if name != "fallback_message"}
        if "fallback_message" in self.changed_data:
            found["settings"] = {
                **(self.instance.settings or {}),
                away.SETTING: self.cleaned_data["fallback_message"].strip(),
            }
        return found


def _choices(model: Any) -> Any:
    columns = {column.name for column in model._meta.get_fields()}
    rows = model.objects.filter(deleted_at=None) if "deleted_at" in columns else model.objects.all()
    return rows.select_related("chatbot") if "chatbot" in columns else rows


class LimitsForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """How fast the number may send; 0 is no limit."""

    class Meta:
        model = WhatsAppNumber
        fields = ("limit_per_second", "limit_per_minute", "limit_per_hour", "limit_per_day", "min_gap_ms")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["limit_per_second"].help_text = _(
            "WhatsApp allows 80 a second in both directions together (1,000 at the high level); leave room for "
            "what arrives."
        )
        for name, most in (("limit_per_second", 1000), ("limit_per_minute", 60_000), ("min_gap_ms", 600_000)):
            field: Any = self.fields[name]
            field.validators.append(MaxValueValidator(most))
            field.widget.attrs["max"] = most
        for field in self.fields.values():
            field.widget.attrs |= {"class": "input", "inputmode": "numeric"}


class ProfileForm(forms.Form):
    """The business page in WhatsApp; limits are WhatsApp's."""

    about = forms.CharField(label=_("About"), required=False, max_length=profile.LIMITS["about"])
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=profile.LIMITS["description"],
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    address = forms.CharField(label=_("Address"), required=False, max_length=profile.LIMITS["address"])
    email = forms.EmailField(label=_("E-mail"), required=False, max_length=profile.LIMITS["email"])
    website_1 = forms.URLField(
        label=_("Website"), required=False, max_length=profile.WEBSITE_MAX, assume_scheme="https"
    )
    website_2 = forms.URLField(
        label=_("Second website"), required=False, max_length=profile.WEBSITE_MAX, assume_scheme="https"
    )
    vertical = forms.ChoiceField(label=_("Industry"), required=False, choices=list(profile.VERTICALS.items()))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"
            most = getattr(field, "max_length", None)
            if most:
                field.help_text = _("At most %(count)d characters.") % {"count": most}

    @staticmethod
    def initial_of(kept: dict[str, Any]) -> dict[str, Any]:
        """Return the fields' values for a profile."""
        websites = [*(kept.get("websites") or []), "", ""]
        plain = {name: kept.get(name) or "" for name in (*profile.LIMITS, "vertical")}
        return {**plain, "website_1": websites[0], "website_2": websites[1]}

    def values(self) -> dict[str, Any]:
        """Return the profile that was typed."""
        data = self.cleaned_data
        websites = [data[name] for name in ("website_1", "website_2") if data[name]]
        plain = {name: data[name].strip() for name in profile.LIMITS}
        return {**plain, "websites": websites, "vertical": data["vertical"] or "UNDEFINED"}


class ReleaseForm(forms.Form):
    """Why automatic sends may go on."""

    reason = forms.CharField(
        label=_("Why may they go on?"),
        min_length=5,
        max_length=300,
        widget=forms.TextInput(attrs={"class": "input"}),
    )


class DeleteForm(forms.Form):
    """The number's name typed, because its credentials are erased."""

    confirmation = forms.CharField(
        label=_("Type the number's name to confirm"),
        max_length=120,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name

    def clean_confirmation(self) -> str:
        """Hold it against the name."""
        typed = str(self.cleaned_data["confirmation"]).strip()
        if typed != self._name:
            raise forms.ValidationError(_("That is not the number's name."))
        return typed
