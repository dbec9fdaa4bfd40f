"""What people may change about a contact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from conversations.models import Contact

if TYPE_CHECKING:
    ContactModelForm = forms.ModelForm[Contact]
else:
    ContactModelForm = forms.ModelForm


class ContactForm(ContactModelForm):
    """Name, e-mail, company, document, notes and the VIP mark."""

    class Meta:
        model = Contact
        fields = ["name", "email", "company", "document", "is_vip", "notes"]
        widgets = {"notes": forms.Textarea(attrs={"rows": 4})}
        labels = {"is_vip": _("Important customer (VIP): goes to the head of the queue")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if self.errors.get(name):
                field.widget.attrs["aria-invalid"] = "true"


class ConsentForm(forms.Form):
    """What the customer told a person about receiving messages."""

    choice = forms.ChoiceField(
        label=_("The customer wants"),
        choices=[
            ("no_promotions", _("No promotions")),
            ("nothing", _("No automatic messages at all")),
            ("everything", _("To receive messages again")),
        ],
    )
    reason = forms.CharField(
        label=_("How do you know?"),
        help_text=_("For example: asked on the phone on 12 March. It is kept as evidence."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
