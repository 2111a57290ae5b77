import pytest

from aggregator.domains import registrable_domain


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("example.com", "example.com"),
        ("feeds.blog.example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("b.example.co.uk", "example.co.uk"),
        ("www.例子.中国", "例子.中国"),
        # Who registers below these is not the owner of the rest.
        ("one.github.io", "one.github.io"),
        ("two.github.io", "two.github.io"),
        ("one.blogspot.com", "one.blogspot.com"),
        ("co.uk", "co.uk"),
        # In a private network a host is alone.
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("203.0.113.7", "203.0.113.7"),
        ("8.8.8.8", "8.8.8.8"),
        ("bridge", "bridge"),
        ("rss.bridge.lan", "rss.bridge.lan"),
    ],
)
def test_the_registrable_domain_of_a_host(host, domain):
    assert registrable_domain(host) == domain
