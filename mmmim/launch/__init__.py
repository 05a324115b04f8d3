"""From a command line and a config to a run that can start: options, batch, learning rate, length, checks."""
