"""The opencode plugin of rouser."""

__version__ = "0.1.0"
