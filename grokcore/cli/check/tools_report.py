"""The exercises of ``check --tools`` in words: their price before, their scores after. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import define, field

from ...errors import GrokApiError
from ...protocol.emulation.evaluation import Score, best_form, total
from ...protocol.emulation.exercises import Kind
from ...protocol.emulation.forms import JSON_WORDS, WORDS, CallWords
from .accounts import in_few_words
from .answers import Plan
from .findings import Finding, fail, ok, skipped, warn

__all__ = ["FORMS", "Results", "finding_on", "price_of_exercises", "verdict"]

FORMS: Mapping[str, CallWords] = {**WORDS, "json": JSON_WORDS}
"""The forms of calls that are compared."""

NAME = "tools"
"""Of the findings."""

GOOD = 0.9
"""The share of exercises that a form should solve: below, an agent stumbles in each task."""


@define
class Results:
    """The exercises in one form.

    :ivar wanted: how many there are.
    :ivar scores: of those that are over, each with its kind.
    :ivar errors: of those that got no answer.
    """

    form: str
    wanted: int
    scores: list[tuple[Kind, Score]] = field(factory=list)
    errors: list[GrokApiError] = field(factory=list)

    @property
    def score(self) -> Score:
        """The sum."""
        return total(score for _, score in self.scores)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return len(self.scores) + len(self.errors) >= self.wanted


def price_of_exercises(plans: Sequence[Plan], forms: Sequence[str], number: int) -> str:
    """The cost of *number* exercises in each of *forms*."""
    most = number * len(forms)
    ids = ", ".join(plan.entry.id for plan in plans)
    names = ", ".join(forms)
    return (
        f"This asks Grok {most} questions ({number} exercises with calls written as: {names}), and "
        f"up to {most} more to correct answers. They count against your own allowance:\n"
        f"  {plans[0].words}: {ids}"
    )


def finding_on(results: Results) -> Finding:
    """The finding on one form."""
    form = f'form "{results.form}"'
    if not results.scores:
        why = f" ({in_few_words(results.errors[0])})" if results.errors else ""
        return skipped(NAME, f"{form}: no exercise was answered{why}")
    words = f"{form}: {'; '.join(_parts(results))}"
    if results.score.rate >= GOOD:
        return ok(NAME, words)
    return warn(NAME, words, "Agents will stumble over it. Compare the other forms and models.")


def _parts(results: Results) -> list[str]:
    score = results.score
    parts = [
        f"{score.solved} of {score.exercises} exercises solved at once",
        f"{score.valid} of {score.wanting} with valid calls",
        f"{score.equal} with equal values",
        f"{score.false_calls} false calls",
        f"{score.missed} without a call",
        f"{score.went_on} went on after a call",
        f"{score.leaks} leaks",
        f"{score.questions_each:.1f} questions each",
    ]
    unsolved = Counter(kind for kind, one in results.scores if not one.solved)
    if unsolved:
        named = ", ".join(f"{count} {kind.name.lower()}" for kind, count in unsolved.items())
        parts.append(f"not solved: {named}")
    if results.errors:
        parts.append(f"{len(results.errors)} got no answer ({in_few_words(results.errors[0])})")
    return parts


def verdict(all_results: Sequence[Results], set_form: str) -> Finding:
    """The form that Grok keeps best, and the setting that chooses it.

    :param set_form: the form of the configuration.
    """
    if not any(results.scores for results in all_results):
        return fail(NAME, "no exercise was answered", "See the findings above.")
    # Of equal ones the form that is set is the best.
    ranked = sorted(all_results, key=lambda results: results.form != set_form)
    best = best_form((one.form, one.score) for one in ranked if one.form in WORDS)
    if not best:
        return ok(NAME, "only a form was tried that no setting chooses")
    if sum(bool(one.scores) for one in all_results) == 1:
        words = f'only the form "{best}" was tried'
        return ok(NAME, f'{words}; [grok] tool_form = "{set_form}" is set')
    words = f'Grok keeps the form "{best}" best'
    if best == set_form:
        return ok(NAME, f'{words}, and [grok] tool_form = "{best}" is set')
    if set_form not in {one.form for one in all_results if one.scores}:
        return ok(NAME, f'{words} of those tried; [grok] tool_form = "{best}" chooses it')
    return warn(NAME, words, f'Set tool_form = "{best}" in [grok].')
