"""Files of messages: what they are, fetching and keeping them."""
