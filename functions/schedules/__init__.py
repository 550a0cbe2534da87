"""Does what the clock asks for, task by task."""
