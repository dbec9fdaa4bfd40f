"""Names that Django derives from attributes (`created_at`, "created at") are looked up in the catalogue, too.

Only what is shown changes: migrations see the name as it was given, that is none.
"""

from __future__ import annotations

from django.apps import apps
from django.utils.translation import gettext_lazy


def translate_all() -> None:
    """Let every plain name of fields, models and apps follow the reader's language. Call once all models are loaded."""
    for config in apps.get_app_configs():
        if type(config.verbose_name) is str:
            config.verbose_name = gettext_lazy(config.verbose_name)
        for model in config.get_models():
            options = model._meta
            for owner in (options, *options.local_fields, *options.local_many_to_many):
                for attribute in ("verbose_name", "verbose_name_plural"):
                    name = getattr(owner, attribute, None)
                    if type(name) is str:
                        setattr(owner, attribute, gettext_lazy(name))
