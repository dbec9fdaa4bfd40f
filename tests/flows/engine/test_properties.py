from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.content import Content
from flows.engine.effects import Ended, Send, SetTimer, Visit
from flows.engine.events import Event, Reply, Start, TimerFired
from flows.engine.program import Program, compile_graph
from flows.engine.state import State, from_json
from flows.engine.step import TURN_MAX, Turn, begin, step
from flows.engine.work import MESSAGES_MAX, Env
from tests.flows.engine.graphs import EVENTS, Raw, graphs
from tests.flows.engine.play import NOW, Stage, graph, node


def environment(program: Program, *, language: str = "pt-br", seed: int = 1) -> Env:
    stage = Stage(graph([node("s", "start")]))
    return replace(
        stage.env,
        now=NOW,
        rng=Random(seed),
        language=language,
        load_program={"main": program}.get,
        get_program={"main": program}.get,
    )


def play(program: Program, events: list[Event], env: Env) -> list[Turn]:
    """Return all turns; a timer that fires is the last one that was set."""
    state, token, turns = begin(program), "", []
    for event in events:
        given_event = replace(event, token=token) if isinstance(event, TimerFired) else event
        turn = step(program, state, given_event, env)
        state = turn.state
        token = next((effect.token for effect in reversed(turn.effects) if isinstance(effect, SetTimer)), token)
        turns.append(turn)
    return turns


@settings(max_examples=150, deadline=None)
@given(graphs(), EVENTS)
def test_every_turn_ends_or_waits_within_its_bounds(raw: Raw, events: list[Event]) -> None:
    program = compile_graph(raw, program_id="main")
    ended = False
    for turn in play(program, events, environment(program)):
        assert turn.state.status in {"waiting", "sleeping", "ended"}
        assert sum(isinstance(effect, Visit) for effect in turn.effects) <= TURN_MAX + 2
        assert sum(isinstance(effect, Send) for effect in turn.effects) <= MESSAGES_MAX
        assert not (ended and turn.effects)
        assert any(isinstance(effect, Ended) for effect in turn.effects) is (turn.state.status == "ended" and not ended)
        ended = turn.state.status == "ended"


@settings(max_examples=75, deadline=None)
@given(graphs(), EVENTS, st.sampled_from(["pt-br", "en", "es"]))
def test_playing_again_gives_the_same(raw: Raw, events: list[Event], language: str) -> None:
    program = compile_graph(raw, program_id="main")
    first = play(program, events, environment(program, language="fr", seed=2))
    second = play(program, events, environment(program, language=language))
    fresh = compile_graph(deepcopy(raw), program_id="main")
    assert play(fresh, events, environment(fresh, language=language)) == second
    assert play(program, events, environment(program, language="fr", seed=2)) == first


@settings(max_examples=75, deadline=None)
@given(graphs(), EVENTS)
def test_a_state_survives_storage_and_is_never_changed(raw: Raw, events: list[Event]) -> None:
    program = compile_graph(raw, program_id="main")
    state = begin(program)
    env, stored_env = environment(program), environment(program)
    stored = _through_storage(state)
    for event in events:
        before = json.dumps(state.to_json())
        turn, other = step(program, state, event, env), step(program, stored, event, stored_env)
        assert json.dumps(state.to_json()) == before
        assert turn == other
        state, stored = turn.state, _through_storage(other.state)


def _through_storage(state: State) -> State:
    return from_json(json.loads(json.dumps(state.to_json())))


def test_a_menu_is_composed_for_each_language() -> None:
    buttons = [{"id": "a", "title": {"pt-br": "Sim", "en": "Yes"}}]
    rows = [{"id": "r", "title": {"pt-br": "Um", "en": "One"}}]
    menus = [
        node("m", "interactive_buttons", body={"pt-br": "Quer?", "en": "Want it?"}, buttons=buttons),
        node("m", "interactive_buttons", body="{{name}}?", buttons=buttons),
        node("m", "interactive_list", body={"pt-br": "Qual?", "en": "Which?"}, sections=[{"rows": rows}]),
    ]
    for menu in menus:
        program = compile_graph(graph([node("s", "start"), menu], ("s", "next", "m")), program_id="main")
        shown = [
            next(
                effect.content
                for effect in play(
                    program, [Start(variables={"name": "Ana"})], environment(program, language=language)
                )[0].effects
                if isinstance(effect, Send)
            )
            for language in ("pt-br", "en", "pt-br")
        ]
        assert shown[0] == shown[2] != shown[1]
        assert {"Sim", "Um"} & set(_titles(shown[0]))
        assert {"Yes", "One"} & set(_titles(shown[1]))


def _titles(shown: Content) -> list[str]:
    return [line.partition(". ")[2] for line in shown.as_numbered_text().splitlines()]


@pytest.mark.parametrize("answer", ["፩", "9" * 5000, "0"])
def test_digits_that_number_no_option_are_a_wrong_answer(answer: str) -> None:
    menu = node("m", "interactive_buttons", body="Quer?", buttons=[{"id": "a", "title": "Sim"}])
    program = compile_graph(graph([node("s", "start"), menu], ("s", "next", "m")), program_id="main")
    turns = play(program, [Start(), Reply(text=answer)], environment(program))
    assert turns[1].state.question["attempts"] == 1
