"""What a database's errors mean, for people and for us."""

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
    StatementError,
)

from aggregator.core.errors import StoreError

_SQLITE = {
    "CANTOPEN": "cannot be opened: its directory must exist and be writable",
    "READONLY": "cannot be written: check the permissions of the file and of its directory",
    "BUSY": "is locked by another program: end what else uses it, or try again",
    "LOCKED": "is locked by another program: end what else uses it, or try again",
    "FULL": "cannot grow: the disk is full",
    "IOERR": "cannot be read or written: the disk reports an error",
    "NOTADB": "is not an SQLite database: name another file, or restore a backup",
    "CORRUPT": "is damaged: restore a backup",
}
"""By the second word of SQLite's result codes (https://sqlite.org/rescode.html)."""

# SQLSTATE classes (https://www.postgresql.org/docs/current/errcodes-appendix.html): data
# exception, integrity violation, program limit exceeded.
_NOT_ALLOWED = "42501"
_REFUSED_VALUE = ("22", "23", "54")
_UNDONE = ("40001", "40P01")
"""For the sake of another transaction: they could not be told apart, or waited for each other."""


def explain(error: Exception, place: str) -> str:
    """One sentence on what failed, without the statement, its values or a password."""
    cause = error.orig if isinstance(error, StatementError) and error.orig else error
    result_code = getattr(cause, "sqlite_errorname", "").split("_")
    if len(result_code) > 1 and result_code[1] in _SQLITE:
        return f"the database {place} {_SQLITE[result_code[1]]}"
    if isinstance(error, OSError):
        return f"the database {place} does not answer: {first_line(error)}"
    told = f"the database {place} failed: {first_line(cause)}"
    if getattr(cause, "sqlstate", None) == _NOT_ALLOWED:
        return f"{told}; its user must own it: ALTER DATABASE … OWNER TO …"
    return told


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def is_refused_value(error: Exception) -> bool:
    """Whether the values of a statement were at fault, and other values would have passed."""
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlstate", None) or ""
        return isinstance(error, DataError | IntegrityError) or code.startswith(_REFUSED_VALUE)
    if isinstance(error, StatementError):
        return isinstance(error.orig, ValueError | OverflowError | TypeError)
    # Drivers raise these for what they cannot even encode.
    return isinstance(error, ValueError | OverflowError) and not isinstance(error, SQLAlchemyError)


def is_its_own(error: Exception) -> bool:
    """Whether a transaction failed by what it was to do, so that another may well succeed."""
    cause = error.__cause__ if isinstance(error, StoreError) else error
    if not isinstance(cause, SQLAlchemyError | OSError):
        return True
    return is_refused_value(cause) or is_undone(cause)


def is_undone(error: Exception) -> bool:
    """Whether a transaction was undone for another one's sake, so that it can be run again."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _UNDONE
