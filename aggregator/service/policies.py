"""How one source is polled: its configuration, as far as polling goes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.core.reconcile import Intake
from aggregator.core.rhythm import Pace
from aggregator.core.urls import origin_of
from aggregator.core.wire import FetchRequest, PackedForm, Validators


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePolicy:
    """How one source is polled. `timeout` is in seconds, `max_body` in bytes."""

    url: str = field(repr=False)
    """As configured, with what may not be shown."""
    shown_url: str
    pace: Pace
    timeout: float
    max_body: int
    user_agent: Callable[[], str]
    """Asked at each request: it may tell a number that changes."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    http2: bool = False
    proxy: str | None = field(default=None, repr=False)
    language: str | None = None
    players: bool = False
    """Whether frames of players that we know stay in its entries."""
    intake: Intake = field(default_factory=Intake)

    @property
    def hides(self) -> bool:
        """Whether its address holds what may not be shown; what repeats it is not kept."""
        return self.url != self.shown_url

    @property
    def may_be_pushed(self) -> bool:
        """Whether a hub may be told of it: not of a secret address, nor past its proxy."""
        return not self.hides and self.proxy is None

    def request(
        self, url: str, validators: Validators, known: PackedForm | None = None
    ) -> FetchRequest:
        """What a poll asks; secrets go to the origin that they were configured for alone."""
        own = url == self.url or origin_of(url) == origin_of(self.url)
        return FetchRequest(
            url=url,
            validators=validators,
            known=known,
            timeout=self.timeout,
            max_body=self.max_body,
            user_agent=self.user_agent(),
            headers=self.headers if own else (),
            auth=self.auth if own else None,
            http2=self.http2,
            proxy=self.proxy,
        )

    def base_of(self, url: str) -> str:
        """Where a document from `url` is said to have been: relative addresses are published."""
        if not self.hides:
            return url
        scheme, host, _ = origin_of(url)
        same = origin_of(url) == origin_of(self.shown_url)
        return self.shown_url if same else f"{scheme}://{host}/"
