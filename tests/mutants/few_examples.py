"""A pytest plugin: the same few examples of each property for every mutant, and no search for the smallest one."""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile(
    "mutants", max_examples=25, derandomize=True, database=None, deadline=None, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("mutants")
