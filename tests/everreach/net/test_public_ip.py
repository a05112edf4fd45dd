"""Which addresses a webhook may go to: those of the public internet, however they are written, and no other."""

import asyncio
import socket
import threading

import pytest

from everreach.net.public_ip import is_public, look_up

PUBLIC = """
8.8.8.8 1.1.1.1 93.184.215.14 172.32.0.1 172.15.255.255 192.169.0.1 100.128.0.1 100.63.255.255 11.0.0.1 223.255.255.254
2606:4700::1111 2001:4860:4860::8888 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
"""
NOT_PUBLIC = """
0.0.0.0 0.1.2.3 127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 169.254.0.1
100.64.0.1 100.100.100.200 100.127.255.255 192.0.0.1 192.0.0.9 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 ff0e::1 100::1 2001:db8::1 2001::1 2001:10::1
2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1 4000::1 ::127.0.0.1 ::8.8.8.8
::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 ::ffff:0.0.0.0
64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::8.8.8.8 64:ff9b:1::1
localhost 127.1 2130706433 0x7f000001 0177.0.0.1 8.8.8.8.example.com 8.8.8.8:80 [::1]
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_an_address_of_the_public_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [*NOT_PUBLIC.split(), "", " 8.8.8.8"])
def test_an_address_of_any_other_network_and_what_is_none(address: str) -> None:
    assert not is_public(address)


@pytest.mark.gen_test
async def test_a_name_has_the_addresses_that_the_system_knows_of_it() -> None:
    infos = await look_up("localhost", 443)
    assert {info[4][0] for info in infos} & {"127.0.0.1", "::1"}
    assert {info[4][1] for info in infos} == {443}


@pytest.mark.parametrize("name", ["no-such-name.invalid", "x" * 100, "", "a..b"])
@pytest.mark.gen_test
async def test_what_has_no_address_raises(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: str, *_: object, **__: object) -> None:
        host.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises((OSError, ValueError)):
        await look_up(name, 443)


@pytest.mark.gen_test
async def test_a_name_server_that_does_not_answer_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, real = threading.Event(), socket.getaddrinfo

    def hanging(host: str, *args: object, **kwargs: object) -> object:
        if host == "slow.example":
            answered.wait(60)
        return real("127.0.0.1", *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    hung = [asyncio.ensure_future(look_up("slow.example", 443)) for _ in range(20)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(look_up("fast.example", 443), 30)
    for lookup in hung[1:]:
        lookup.cancel()
    answered.set()
    assert await asyncio.wait_for(hung[0], 30)
