"""What people send to the flow pages: a draft, a file, a note."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from flows import exchange
from flows.engine.program import JSON_MAX


class DraftForm(forms.Form):
    """The text of the editor; `draft_version` is the revision that its author began with."""

    graph = forms.CharField(
        label=_("Flow as JSON"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false", "autocapitalize": "off", "wrap": "off"}),
    )
    draft_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    # The revision that the author has seen and wants to replace, after a conflict.
    over = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)

    # Where the JSON breaks.
    line = 0
    column = 0

    def clean_graph(self) -> Any:
        """Return the JSON object."""
        try:
            return exchange.parse_json(self.cleaned_data["graph"])
        except exchange.UnreadableError as exc:
            self.line, self.column = exc.line, exc.column
            raise ValidationError(str(exc.message)) from exc

    @property
    def revision(self) -> int:
        """Return the revision that may be replaced."""
        over: int | None = self.cleaned_data.get("over")
        begun: int = self.cleaned_data["draft_version"]
        return begun if over is None else over


class ImportForm(forms.Form):
    """A file, or its text pasted."""

    file = forms.FileField(label=_("File"), required=False)
    text = forms.CharField(label=_("Or paste it here"), required=False, strip=False, widget=forms.Textarea)
    as_new = forms.BooleanField(label=_("As a new flow of this chatbot"), required=False)
    draft_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Read the flow into `imported`."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        try:
            data["imported"] = exchange.read(self._text(data))
        except exchange.UnreadableError as exc:
            raise ValidationError(str(exc.message)) from exc
        return data

    def _text(self, data: dict[str, Any]) -> str:
        file = data.get("file")
        if file is None:
            if not data["text"].strip():
                raise ValidationError(_("Choose a file or paste its text."))
            return str(data["text"])
        if file.size > JSON_MAX:
            raise ValidationError(_("The file is larger than 1 MB."))
        try:
            return bytes(file.read()).decode("utf-8")
        except UnicodeDecodeError as exc:
            raise ValidationError(_("The file is not text in UTF-8.")) from exc


class PublishForm(forms.Form):
    """The note of a new version; `draft_version` is the draft that its author looked at."""

    note = forms.CharField(label=_("What changed?"), max_length=255, required=False)
    draft_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class RestoreForm(forms.Form):
    """Which version becomes the draft."""

    number = forms.IntegerField(min_value=1)
    draft_version = forms.IntegerField(min_value=0)
