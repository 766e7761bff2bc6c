"""What ends a command with one line on standard error."""


class CommandError(Exception):
    """Something that the user can put right; the message is one line that names the remedy. Exit code 2."""
