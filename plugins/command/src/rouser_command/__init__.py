"""The plugin of rouser that runs any command line as an agent."""

__version__ = "0.1.0"
