"""Consent: what people agreed to receive, how they take it back, and who may not be written to."""
