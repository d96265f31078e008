"""Every kind of audited event is told in words, and what they name is what a person knows."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from console.event_words import EVENT_WORDS, event_words
from console.state import ActivityLine
from storage.codes import ExecutionState, ProposalState, TradingState

STORAGE = Path(__file__).parents[2] / "storage"
FAMILIES = {
    "execution": {state.lower() for state in ExecutionState},
    "proposal": {state.lower() for state in ProposalState},
    "trading": {state.lower() for state in TradingState},
    "alert": {"notice", "critical"},
}
"""Kinds whose second word is a state or level that changed."""


def audited_kinds() -> set[str]:
    """Every kind the vault's code audits, read from its text."""
    kinds = {"vault.created"}  # before there is a transaction to audit in
    for path in STORAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "audit":
                kind = node.args[0]
                if isinstance(kind, ast.Constant):
                    kinds.add(str(kind.value))
                else:
                    assert isinstance(kind, ast.JoinedStr)
                    assert isinstance(kind.values[0], ast.Constant)
                    family = str(kind.values[0].value).removesuffix(".")
                    kinds |= {f"{family}.{state}" for state in FAMILIES[family]}
    return kinds


def line(kind: str, subject: str = "1042", **payload: Any) -> ActivityLine:
    return ActivityLine(1, 0, kind, subject, payload)


def test_every_kind_the_vault_audits_has_words_and_no_other() -> None:
    assert audited_kinds() == set(EVENT_WORDS)


@pytest.mark.parametrize("kind", sorted(EVENT_WORDS))
def test_words_are_no_kind_spelt_with_spaces(kind: str) -> None:
    words = event_words(line(kind, "subject"))
    assert kind.replace(".", " ") not in words
    assert "_" not in words
    assert words.strip()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            line("vault.created", "0d3c-vault", mode="paper", policy="semi-auto", incarnation="e1f2"),
            "new vault, PAPER, policy semi-auto",
        ),
        (line("vault.exchange_bound", "simulated:0f3c"), "tied to a simulated exchange for good"),
        (line("vault.exchange_bound", "bitvavo:1a/2b"), "tied to this account at Bitvavo for good"),
        (line("execution.filled", "538", proposal=1042), "FILLED 1042"),
        (line("execution.unknown", "538", proposal=1042), "UNKNOWN 1042, no answer"),
        (line("execution.cancel_asked", "538", order_id="9f", answer="Canceled()"), "cancel asked for execution 538"),
        (
            line("fill.stored", "538", proposal=1042, fill="77aa", quantity="0.00041", price="61152", fee=None),
            "fill of 1042: 0.00041 @ 61152",
        ),
        (line("proposal.revised", revision=3, before={}, after={}), "edited 1042, rev 3"),
        (line("proposal.overridden", overrides={"COOLDOWN": "news"}), "override for 1042: COOLDOWN news"),
        (line("proposal.noted", note="too big"), "why 1042 was declined: too big"),
        (line("account.flows", "1", flows={"8c1 EUR": "deposit 50"}), "moved without a trade: EUR deposit 50"),
        (line("sweep.differences", "4", differences=["EUR 1 here, 2 there"], foreign=[]),
         "vault and exchange differ: EUR 1 here, 2 there"),
        (line("trading.halted", "3", reason="stop key", was="ACTIVE"), "HALTED stop key"),
        (line("alert.critical", "budget", text="over"), "ALERT, budget over"),
        (line("gate.refused", codes=["SPREAD"], market="BTC-EUR", side="buy"), "refused 1042 BUY BTC-EUR SPREAD"),
        (line("some.newer_thing", "7"), "some newer thing 7"),
    ],
)  # fmt: skip
def test_words_name_what_a_person_knows(event: ActivityLine, words: str) -> None:
    assert event_words(event) == words


def test_a_text_with_braces_is_shown_as_it_is() -> None:
    assert event_words(line("proposal.noted", "{mode}", note="{0} {x}")) == "why {mode} was declined: {0} {x}"
