"""The dialect of Evolution API v2 (`/evolution/…`): numbers that are paired by QR code."""
