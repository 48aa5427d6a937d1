"""The way out: calls to vendors."""
