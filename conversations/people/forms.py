"""What people may say about contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from conversations.models import Contact, CustomField
from conversations.people import fields, planning, tags

if TYPE_CHECKING:
    ContactModelForm = forms.ModelForm[Contact]
else:
    ContactModelForm = forms.ModelForm

CUSTOM: Final = "custom_"


class ContactForm(ContactModelForm):
    """Data, tags and custom fields of a contact."""

    tags = forms.CharField(
        label=_("Tags"),
        required=False,
        max_length=1_000,
        help_text=_("With commas between them. New names become tags."),
    )
    # When the page was made: the second save of two people does not silently win.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Contact
        fields = ["name", "email", "company", "document", "is_vip", "notes"]
        widgets = {"notes": forms.Textarea(attrs={"rows": 4})}
        labels = {"is_vip": _("Important customer (VIP): goes to the head of the queue")}

    def __init__(self, *args: Any, custom: list[CustomField] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._custom = fields.defined() if custom is None else custom
        if kwargs.get("instance") is not None:
            names = self.instance.tags.filter(deleted_at=None).order_by("name").values_list("name", flat=True)
            self.initial["tags"] = ", ".join(names)
            self.initial["seen"] = self.instance.updated_at.isoformat()
        for field in self._custom:
            name = f"{CUSTOM}{field.key}"
            self.fields[name] = _input(field)
            self.initial[name] = _initial(field, self.instance.attributes.get(field.key))
        self.order_fields(["name", "phone", "email", "company", "document", "tags", "is_vip"])
        for name, each in self.fields.items():
            if self.errors.get(name):
                each.widget.attrs["aria-invalid"] = "true"

    def clean(self) -> dict[str, Any]:
        """Read custom values; notice when somebody else has saved meanwhile."""
        cleaned = super().clean() or {}
        for field in self._custom:
            name = f"{CUSTOM}{field.key}"
            try:
                cleaned[name] = fields.cleaned(field, cleaned.get(name))
            except fields.InvalidValueError as exc:
                self.add_error(name, str(exc))
        seen = cleaned.get("seen")
        if seen and seen != self.initial.get("seen"):
            self.add_error(
                None, _("Somebody changed this contact meanwhile. Compare with the page as it is now, and save again.")
            )
            # Saving once more is a decision: the next page knows the present state.
            self.data = {**self.data, "seen": self.initial["seen"]}
        return cleaned

    def changes(self) -> dict[str, Any]:
        """Return the contact's own fields that changed."""
        own = set(self.Meta.fields)
        return {name: self.cleaned_data[name] for name in self.changed_data if name in own}

    def attributes(self) -> dict[str, Any]:
        """Return the custom values that were typed."""
        names = {field.key: f"{CUSTOM}{field.key}" for field in self._custom}
        return {key: self.cleaned_data.get(name) for key, name in names.items() if name in self.data}

    def tag_names(self) -> list[str]:
        """Return the tags that were typed."""
        return list(planning.tags_of(self.cleaned_data.get("tags", "")))


def _input(field: CustomField) -> forms.Field:
    common: dict[str, Any] = {"label": field.label, "required": False}
    match field.kind:
        case CustomField.Kind.CHOICE:
            return forms.ChoiceField(choices=[("", "—"), *((each, each) for each in field.choices)], **common)
        case CustomField.Kind.YES_NO:
            return forms.ChoiceField(choices=[("", "—"), ("1", _("Yes")), ("0", _("No"))], **common)
        case CustomField.Kind.DATE:
            return forms.CharField(widget=forms.DateInput(attrs={"type": "date"}), **common)
        case CustomField.Kind.NUMBER:
            return forms.CharField(widget=forms.TextInput(attrs={"inputmode": "decimal"}), **common)
    return forms.CharField(max_length=fields.TEXT_MAX, **common)


def _initial(field: CustomField, stored: Any) -> Any:
    if field.kind == CustomField.Kind.YES_NO and stored is not None:
        return "1" if stored else "0"
    return stored


class NewContactForm(ContactForm):
    """A contact that does not exist yet: with a phone."""

    phone = forms.CharField(
        label=_("Phone"), max_length=40, help_text=_("In any spelling, with the area code: (11) 98765-4321.")
    )


class AddressForm(forms.Form):
    """One more address."""

    value = forms.CharField(label=_("Phone"), max_length=160)


class ReasonForm(forms.Form):
    """Why somebody is blocked."""

    reason = forms.CharField(label=_("Reason"), max_length=255, required=False)


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


class TagForm(forms.Form):
    """A tag's name and colour."""

    name = forms.CharField(label=_("Name"), max_length=tags.NAME_MAX)
    color = forms.CharField(
        label=_("Colour"), max_length=7, initial=tags.COLOR, widget=forms.TextInput(attrs={"type": "color"})
    )


class FieldForm(forms.Form):
    """A custom field."""

    label = forms.CharField(label=_("Name"), max_length=60)
    kind = forms.ChoiceField(label=_("Kind"), choices=CustomField.Kind.choices)
    choices = forms.CharField(
        label=_("Choices"),
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One a line; for choices of a list only."),
    )

    def clean(self) -> dict[str, Any]:
        """A list has at least two choices; other kinds have none."""
        cleaned = super().clean() or {}
        lines = [line.strip()[:60] for line in str(cleaned.get("choices") or "").splitlines()]
        unique = list(dict.fromkeys(line for line in lines if line))
        if cleaned.get("kind") != CustomField.Kind.CHOICE:
            unique = []
        elif len(unique) < 2:
            self.add_error("choices", _("Give at least two choices."))
        cleaned["choices"] = unique
        return cleaned


class UploadForm(forms.Form):
    """A file of contacts."""

    file = forms.FileField(
        label=_("CSV or Excel file"),
        help_text=_("Up to 100,000 rows and 20 MB. Any column names will do; you say what they are in the next step."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
    )


class ImportForm(forms.Form):
    """How an import goes."""

    existing = forms.ChoiceField(
        label=_("Contacts that you have already"),
        choices=[
            ("fill", _("Fill in what is empty")),
            ("overwrite", _("Replace with what the file says")),
            ("skip", _("Leave them as they are")),
        ],
    )
    tags = forms.CharField(
        label=_("Tags for everybody in the file"),
        required=False,
        max_length=300,
        help_text=_("With commas between them."),
    )
    legal_basis = forms.ChoiceField(
        label=_("May you write to these people?"),
        choices=[
            ("", _("Choose…")),
            ("consent", _("Yes, they agreed to receive promotions")),
            ("contract", _("They are customers: service messages only, no promotions")),
        ],
        required=False,
    )
    evidence = forms.CharField(
        label=_("Where does the list come from?"),
        help_text=_("For example: registration form of the shop, 2025. It is kept with each new contact as evidence."),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def options(self) -> dict[str, Any]:
        """Return what was chosen."""
        return {name: self.cleaned_data[name] for name in ("existing", "tags", "legal_basis", "evidence")}
