"""Why a command ends early, and its exit code."""


class AdminError(Exception):
    """The message is for people; one line."""

    exit_code = 2
    """The shop could not be asked: arguments, settings, or nobody answers."""


class RefusedError(AdminError):
    """The shop said no."""

    exit_code = 1

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code
        """The stable one."""
