"""How the admin looks: settings of django-unfold."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "PyTake",
    "SITE_HEADER": "PyTake",
    "SITE_SUBHEADER": _("Administration"),
    "SITE_URL": "/",
    # The icon stands beside the name; a logo would stand alone.
    "SITE_ICON": lambda request: static("logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("logo.svg")}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    # The greens of static/css/src/tokens.css.
    "COLORS": {
        "primary": {
            "50": "#effaf8",
            "100": "#e1f2f0",
            "200": "#bfe5df",
            "300": "#8fd3ca",
            "400": "#52c4b5",
            "500": "#1f9489",
            "600": "#0f6e66",
            "700": "#0c5f58",
            "800": "#0b5952",
            "900": "#15332f",
            "950": "#05211d",
        },
    },
}
