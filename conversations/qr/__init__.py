"""Numbers paired by QR code (Evolution API): linking, receiving, pacing, watching."""
