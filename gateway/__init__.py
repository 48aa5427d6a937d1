"""Second Source: a model gateway that always has a second source."""

__version__ = "0.1.0"
