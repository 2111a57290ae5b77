"""Every exception that this package raises on purpose.

AggregatorError
  ConfigError         the configuration cannot be used; carries all mistakes
  UnreadableFeed      a document that no format can read
  UnknownPublication  a slug that nothing is published under
    PublicationGone   ... any more
  StoreError          the database cannot be used
  CannotServe         the address to listen on cannot be had
  CannotPublish       the folder of static files cannot be written
  GuardMissing        requests would leave by a way that is not guarded

What the wire answers is a value (see `wire`), not an exception.
"""


class AggregatorError(Exception):
    """Base of all; its text is a sentence for people that says what to do."""


class ConfigError(AggregatorError):
    """The configuration cannot be used. `mistakes` holds one line for each."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class UnreadableFeed(AggregatorError):
    """A document that no format can read; the text says why in one line."""


class UnknownPublication(AggregatorError):
    """A slug that nothing is published under."""


class PublicationGone(UnknownPublication):
    """Something was published there, and is no more."""


class StoreError(AggregatorError):
    """The database cannot be used."""


class CannotServe(AggregatorError):
    """The address to listen on cannot be had."""


class CannotPublish(AggregatorError):
    """The folder of static files cannot be written."""


class GuardMissing(AggregatorError):
    """Requests would leave by a way that is not guarded; nothing may be polled."""
