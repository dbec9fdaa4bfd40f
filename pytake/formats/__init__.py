"""Dates and times as our pages write them, by language."""
