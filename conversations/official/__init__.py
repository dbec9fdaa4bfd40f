"""Numbers of the Cloud API: proving, registering, reading and writing what WhatsApp keeps of them."""
