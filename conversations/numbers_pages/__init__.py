"""Pages of numbers: list, registration, settings, health."""
