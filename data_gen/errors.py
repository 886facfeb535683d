"""What can go wrong with data. Each message says what was given, what is needed and what to do."""


class DataError(ValueError):
    """A file, folder or argument is not what it should be."""


class MissingData(DataError):
    """The data set is in none of the places we looked in; the message says where those were and which command gets it."""
