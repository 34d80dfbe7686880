"""The one kind of error that is the user's to mend."""


class InputError(ValueError):
    """Something given to us is wrong: a file, a configuration, an option.

    The message is one sentence that says where, what was expected, what was found and what to do.  The command
    line prints it without a traceback and exits with status 1; every other exception is a bug and keeps its own.
    """
