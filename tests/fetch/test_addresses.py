from ipaddress import ip_address, ip_network

import pytest

from aggregator.core.addresses import is_public
from aggregator.fetch.addresses import BAD_PORTS, may_dial, opened_by

LOOPBACK = ip_network("127.0.0.0/8")
HOME = ip_network("192.168.0.0/16")


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "1.1.1.1",
        "93.184.216.34",
        "11.0.0.1",
        "100.63.255.254",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.254",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
        "2a00:1450::200:5efe:808:808",
    ],
)
def test_a_public_address_may_be_dialled(text):
    assert may_dial(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.254",
        "127.0.0.1",
        "127.1.2.3",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::10.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:0:7f00:1:0:0:f5ff:fffe",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
        "2002:808:808::",
        "3fff::1",
        "5f00::1",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fe80::1%lo",
        "fe80::a9fe:a9fe",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2a00:1450::200:5efe:7f00:1",
        "2606:4700:4700::1111%eth0",
    ],
)
def test_any_other_address_may_not(text):
    assert not may_dial(ip_address(text))


def test_an_opened_network_may_be_dialled_and_nothing_beside_it():
    assert may_dial(ip_address("127.0.0.1"), [LOOPBACK])
    assert not may_dial(ip_address("::1"), [LOOPBACK])
    assert not may_dial(ip_address("::ffff:127.0.0.1"), [LOOPBACK])
    assert not may_dial(ip_address("169.254.169.254"), [LOOPBACK])
    assert not may_dial(ip_address("fe80::1%lo"), [ip_network("fe80::/10")])


def test_a_written_address_opens_the_network_that_it_lies_in():
    assert opened_by("127.0.0.1", [LOOPBACK, HOME]) == (LOOPBACK,)
    assert opened_by("192.168.1.5", [LOOPBACK, HOME]) == (HOME,)
    assert opened_by("10.0.0.1", [LOOPBACK, HOME]) == ()


def test_a_public_address_opens_nothing_even_where_everything_is_allowed():
    assert is_public(ip_address("8.8.8.8"))
    assert opened_by("8.8.8.8", [ip_network("0.0.0.0/0")]) == ()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "feeds.localhost", "nas", "nas.local", "wiki.home.arpa"]
)
def test_a_name_that_no_stranger_can_define_opens_networks(host):
    assert opened_by(host, [LOOPBACK]) == (LOOPBACK,)


@pytest.mark.parametrize("host", ["a.example.com", "localhost.evil.com", "127.0.0.1.nip.io"])
def test_a_name_of_the_public_dns_opens_none(host):
    assert opened_by(host, [LOOPBACK]) == ()


def test_ports_of_other_services_are_bad_and_those_of_the_web_are_not():
    assert {22, 25, 6379, 5432, 11211} < BAD_PORTS
    assert BAD_PORTS.isdisjoint({80, 443, 8000, 8080, 8443, 3000})
