"""Brazilian Portuguese: short months in lists."""

from __future__ import annotations

TIME_FORMAT = "H:i"
DATE_FORMAT = r"j \d\e F \d\e Y"
SHORT_DATE_FORMAT = "d/m/Y"
DATETIME_FORMAT = r"j \d\e F \d\e Y, H:i:s"
MONTH_DAY_FORMAT = "j M"
