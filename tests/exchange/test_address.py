from __future__ import annotations

import pytest

from console.exchange.address import Address, live_address, paper_address
from storage.codes import Mode


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/v2", "http://127.9.9.9:1/v2", "http://localhost:65535/v2", "http://[::1]:8080/v2"],
)
def test_paper_connects_to_this_machine(url: str) -> None:
    assert paper_address(url).rest == url


@pytest.mark.parametrize(
    "url",
    [
        "https://api.bitvavo.com/v2",
        "http://api.bitvavo.com/v2",
        "http://127.0.0.1.example.com:80/v2",
        "http://127.0.0.1:80@example.com:80/v2",
        "http://localhost.example.com:80/v2",
        "http://192.168.0.1:80/v2",
        "http://0.0.0.0:80/v2",
        "http://127.0.0.256:80/v2",
        "http://127.0.0.1:0/v2",
        "http://127.0.0.1:70000/v2",
        "http://127.0.0.1:80/v2?x=1",
        "http://127.0.0.1:80/v2\n",
        "http://127.0.0.1:80",
        "",
    ],
)
def test_paper_refuses_every_other_address(url: str) -> None:
    with pytest.raises(ValueError, match="PAPER connects to a simulated exchange on this machine only"):
        paper_address(url)


def test_live_connects_to_bitvavo() -> None:
    assert live_address() == Address(Mode.LIVE, "https://api.bitvavo.com/v2")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.bitvavo.com/v2",
        "https://api.bitvavo.com/v2/",
        "https://api.bitvavo.com:443/v2",
        "https://API.bitvavo.com/v2",
        "https://api.bitvavo.com.example/v2",
        "http://127.0.0.1:8080/v2",
    ],
)
def test_live_refuses_every_other_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"LIVE connects to https://api\.bitvavo\.com/v2 only"):
        live_address(url)
