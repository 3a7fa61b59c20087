"""The workspace plugin of rouser that gives each session a full clone."""

__version__ = "0.1.0"
