"""The one exception for mistakes that a user can mend."""


class UserError(Exception):
    """A user's mistake, said in one clear sentence: what is wrong, where, and what to do.

    The command line prints the sentence without a traceback and exits with 1.
    """
