"""Rules for passwords beyond Django's own."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class CharacterClassesValidator:
    """Ask for a lower-case letter, an upper-case letter and a digit."""

    def validate(self, password: str, user: object | None = None) -> None:
        """Raise ValidationError when a kind of character is missing."""
        kinds = (str.islower, str.isupper, str.isdigit)
        if not all(any(kind(letter) for letter in password) for kind in kinds):
            raise ValidationError(self.get_help_text(), code="password_character_classes")

    def get_help_text(self) -> str:
        """Say the rule."""
        return _("The password needs an upper-case letter, a lower-case letter and a digit.")
