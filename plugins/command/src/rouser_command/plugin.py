"""The plugin of rouser that runs any command line as an agent."""
