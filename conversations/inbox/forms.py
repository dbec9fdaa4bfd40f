"""What the inbox's forms accept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from conversations.models import Department


class ActionForm(forms.Form):
    """Any action on a thread: the version that the person saw."""

    version = forms.IntegerField(required=False, min_value=0)


class WriteForm(forms.Form):
    """A reply or a note. `client_key` makes repeating harmless. Text is checked by the verb."""

    text = forms.CharField(required=False, strip=False)
    client_key = forms.CharField(required=False, max_length=64)
    reply_to = forms.UUIDField(required=False)
    # An empty file gets its reason where all files are judged.
    file = forms.FileField(required=False, allow_empty_file=True)


class ReactForm(forms.Form):
    """An emoji for a message; none takes it back."""

    message = forms.UUIDField()
    emoji = forms.CharField(required=False, max_length=16)


class TransferForm(ActionForm):
    """Where to, and what the next person should know."""

    department = forms.ModelChoiceField(
        queryset=Department.objects.none(), error_messages={"required": _("Choose a department.")}
    )
    note = forms.CharField(required=False, max_length=4000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["department"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Department.objects.filter(is_active=True, deleted_at=None)
