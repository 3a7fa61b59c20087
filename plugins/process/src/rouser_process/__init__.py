"""The runtime plugin of rouser that needs no tmux: a supervisor and a terminal for each agent."""

__version__ = "0.1.0"
