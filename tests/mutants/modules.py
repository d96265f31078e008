"""What is mutated, and the tests that have to notice it: the fast ones of that module, not the whole suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "storage/money.py": ("tests/storage/test_money.py",),
    "storage/validators.py": ("tests/storage/test_validators_answers.py", "tests/storage/test_validators.py"),
    "storage/venue_checks.py": ("tests/storage/test_venue_answers.py", "tests/storage/test_venue_checks.py"),
    "storage/risk_checks.py": ("tests/storage/test_risk_answers.py", "tests/storage/test_risk_checks.py"),
    "storage/standing.py": ("tests/storage/test_standing_answers.py", "tests/storage/test_standing.py"),
    "storage/checks.py": ("tests/storage/test_checks.py",),
    "storage/gate.py": ("tests/storage/test_gate_records.py", "tests/storage/test_gate_claim.py"),
    "storage/evidence.py": ("tests/storage/test_execution_records.py", "tests/storage/test_evidence.py"),
    "storage/executions.py": ("tests/storage/test_execution_records.py", "tests/storage/test_executions.py"),
    "storage/absence.py": ("tests/storage/test_absence.py",),
    "storage/proposals.py": (
        "tests/storage/test_proposal_records.py",
        "tests/storage/test_proposals.py",
        "tests/storage/test_revisions.py",
    ),
    "console/execution/reconcile.py": ("tests/execution/test_reconcile_steps.py",),
}
"""Module: files of tests."""

TRANSITIONS: Final = "storage/migrations/0002_transitions.sql"
TRANSITION_TESTS: Final = ("tests/storage/test_transitions.py",)
