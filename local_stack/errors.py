"""What stops the stack, said in one line that names the way out."""


class StackError(Exception):
    """The stack cannot go on; the message says what to do about it."""
