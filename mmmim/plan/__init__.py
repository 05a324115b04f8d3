"""Describe a run without running it: its steps, parameters, memory and the time of a step."""
