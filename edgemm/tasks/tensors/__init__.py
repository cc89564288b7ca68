"""No task: the outputs as they are."""
