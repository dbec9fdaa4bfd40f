"""English: 24 hours, short months."""

from __future__ import annotations

TIME_FORMAT = "H:i"
DATE_FORMAT = "j F Y"
SHORT_DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "j F Y, H:i:s"
MONTH_DAY_FORMAT = "j M"
