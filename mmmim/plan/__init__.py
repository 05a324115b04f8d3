"""What a run would be, without running it: steps, parameters, memory, time of a step."""
