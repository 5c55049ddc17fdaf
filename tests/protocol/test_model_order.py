"""The order of models in lists."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.model_order import BEST_FIRST, best_first
from grokcore.protocol.models import SHIPPED, Model
from tests.config_cases import config_of


def test_the_order_names_each_shipped_model_once() -> None:
    """A model that is added to the table gets a place, and no place is left for one that went."""
    assert sorted(BEST_FIRST) == sorted(SHIPPED)


def test_a_client_that_takes_the_first_model_gets_the_best() -> None:
    """Modes of the page, then the original's names, each from the most thorough to the quickest;
    videos last.
    """
    names = [model.name for model in best_first(SHIPPED.values())]
    assert names == list(BEST_FIRST)
    modes = [name for name in names if SHIPPED[name].mode_id]
    assert names[:4] == modes == ["grok-heavy", "grok-expert", "grok-auto", "grok-fast"]
    assert [name for name in names if SHIPPED[name].video] == names[-1:]


def test_an_owner_s_rows_keep_their_order_between_the_shipped_ones_and_videos() -> None:
    """They are not sorted by name: the owner's file has them in the owner's order. A shipped name
    keeps its place, whatever its row is changed to.
    """
    rows = '[models."{}"]\nmode_id = "heavy"\n'
    models = config_of("".join(map(rows.format, ["z", "a", "grok-3-fast"]))).models
    names = [model.name for model in best_first(models.values())]
    assert names == [*BEST_FIRST[:-1], "z", "a", BEST_FIRST[-1]]


ROWS = st.lists(
    st.builds(
        Model,
        st.sampled_from([*BEST_FIRST, "a", "b", "c"]),
        st.just("x"),
        st.just("x"),
        st.just("x"),
        video=st.booleans(),
    ),
    unique_by=lambda model: model.name,
)


@given(ROWS)
@settings(deadline=None, max_examples=100)
def test_no_model_is_lost_and_the_order_is_the_same_each_time(models: list[Model]) -> None:
    """Also when only some of the models are there: what is left keeps its order."""
    ordered = best_first(models)
    assert sorted(model.name for model in ordered) == sorted(model.name for model in models)
    assert best_first(models) == best_first(ordered) == ordered
    assert best_first(model for model in models if model not in ordered[:1]) == ordered[1:]
    assert [model.video for model in ordered] == sorted(model.video for model in ordered)


@given(ROWS)
@settings(deadline=None, max_examples=100)
def test_only_the_name_counts_beside_video(models: list[Model]) -> None:
    """Other costs or clocks don't move a model, so a changed setting reorders no client's menu."""
    dearer = [evolve(model, cost=7, search=False) for model in models]
    assert [model.name for model in best_first(dearer)] == [
        model.name for model in best_first(models)
    ]
