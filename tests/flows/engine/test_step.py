from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.engine.effects import Send, SetTimer, Visit
from flows.engine.events import Reply, Start
from flows.engine.program import GraphInvalidError, compile_graph
from flows.engine.state import from_json
from flows.engine.step import begin, step
from tests.flows.engine.play import NOW, Stage, graph, node

DEMO = json.loads((Path(__file__).parents[3] / "flows/gallery/appointment_booking.json").read_text())["graph"]


def ask(**data: Any) -> dict[str, Any]:
    """A flow that asks one question and ends."""
    return graph(
        [node("s", "start"), node("q", "question", text="?", variable="x", **data), node("z", "end", message="{{x}}")],
        ("s", "next", "q"),
        ("q", "next", "z"),
    )


YES_NO = [{"id": "y", "title": "Sim"}, {"id": "n", "title": "Não"}]


def test_the_text_that_starts_a_session_is_not_an_answer() -> None:
    stage = Stage(ask()).start("Olá")

    assert stage.said == ["?"]
    assert stage.state.status == "waiting"
    assert "x" not in stage.state.variables


def test_an_answer_is_stored_and_the_flow_goes_on() -> None:
    stage = Stage(ask()).start().reply("azul")

    assert stage.said == ["azul"]
    assert stage.ended
    assert stage.ended.reason == "completed"
    assert stage.state.path == ("s", "q", "z")


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        ("text", "  oi  ", "oi"),
        ("email", "Ana@EXEMPLO.com", "Ana@exemplo.com"),
        ("phone", "(11) 98765-4321", "5511987654321"),
        ("number", "1.234,56", 1234.56),
        ("number", "R$ 12", 12),
        ("yes_no", "Claro", True),
        ("yes_no", "não", False),
        ("date", "25/12/2026", "2026-12-25"),
        ("date", "amanhã", "2026-08-11"),
        ("date", "09/08", "2027-08-09"),
        ("time", "14h30", "14:30"),
        ("time", "9:05", "09:05"),
        ("cpf", "529.982.247-25", "52998224725"),
        ("cnpj", "11.222.333/0001-81", "11222333000181"),
        ("cnpj", "12.ABC.345/01DE-35", "12ABC34501DE35"),
        ("cep", "01310-100", "01310100"),
        ("url", "https://exemplo.com/a", "https://exemplo.com/a"),
    ],
)
def test_answers_are_read_by_type(kind: str, typed: str, value: Any) -> None:
    assert Stage(ask(response_type=kind)).start().reply(typed).state.variables["x"] == value


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("email", "ana"), ("email", "a@b"), ("email", "a b@c.com"), ("phone", "123"), ("phone", "()"),
        ("number", "nan"), ("number", "inf"), ("number", "-"), ("number", "1e9"), ("yes_no", "talvez"),
        ("date", "31/02/2026"), ("time", "25:00"), ("cpf", "111.111.111-11"), ("cpf", "52998224724"),
        ("cnpj", "11222333000180"), ("cep", "123"), ("url", "ftp://x"), ("text", ""), ("media", "foto"),
    ],
)  # fmt: skip
def test_wrong_answers_are_asked_again(kind: str, typed: str) -> None:
    stage = Stage(ask(response_type=kind)).start().reply(typed)

    assert stage.state.status == "waiting"
    assert len(stage.said) == 1
    assert "x" not in stage.state.variables


def test_patience_ends_after_the_attempts_and_the_variable_is_null() -> None:
    stage = Stage(ask(response_type="number", max_attempts=2)).start().reply("a").reply("b")

    assert stage.ended is not None
    assert stage.state.variables["x"] is None


def test_an_invalid_edge_is_taken_when_patience_ends() -> None:
    raw = ask(response_type="number", max_attempts=1)
    raw["nodes"].append(node("person", "handoff", department="vendas", priority="high"))
    raw["edges"].append({"source": "q", "sourceHandle": "invalid", "target": "person"})

    stage = Stage(raw).start().reply("a")

    assert stage.handed_off
    assert stage.handed_off.department == "vendas"
    assert stage.state.end_reason == "handed_off"


def test_optional_questions_can_be_skipped() -> None:
    stage = Stage(ask(response_type="email", validation={"required": False})).start().reply("pular")

    assert stage.state.variables["x"] is None
    assert stage.ended


def test_a_picture_is_no_answer_to_a_text_question() -> None:
    assert Stage(ask()).start().reply(kind="image").state.status == "waiting"


CHOICES = [{"value": "am", "label": "Manhã ☀"}, {"value": "pm", "label": "Tarde"}]


@pytest.mark.parametrize("typed", ["Manhã", "manha", "MANHÃ!", "1", "am", "man"])
def test_choices_are_found_by_label_number_value_or_beginning(typed: str) -> None:
    stage = Stage(ask(response_type="choice", options=CHOICES)).start().reply(typed)

    assert stage.state.variables["x"] == "am"


def test_a_wrong_choice_shows_the_options_again() -> None:
    stage = Stage(ask(response_type="choice", options=CHOICES)).start().reply("noite")

    assert len(stage.said) == 2
    assert isinstance(stage.turn.effects[-1], Send)


def test_many_options_are_paged() -> None:
    slots = [{"id": str(n), "label": f"Horário {n}"} for n in range(1, 15)]
    stage = Stage(ask(response_type="choice", options_from="slots")).start(slots=slots)

    stage.reply("Mais opções").reply("Horário 12")

    assert stage.state.variables["x"] == "12"


def test_menus_become_numbered_text_on_qr_numbers() -> None:
    raw = graph(
        [
            node("s", "start"),
            node("m", "interactive_buttons", body="Confirma?", buttons=YES_NO),
            node("a", "end", message="ok"),
            node("b", "end", message="tchau"),
        ],
        ("s", "next", "m"), ("m", "y", "a"), ("m", "n", "b"),
    )  # fmt: skip
    stage = Stage(raw, channel="qrcode").start()

    assert "1. Sim" in stage.said[0]
    assert stage.reply("2").said == ["tchau"]


def test_a_late_tap_goes_back_to_its_menu() -> None:
    raw = graph(
        [
            node("s", "start"),
            node("m", "interactive_buttons", body="?", buttons=YES_NO),
            node("q", "question", text="nome?", variable="name"),
            node("z", "end", message="não então"),
            node("e", "end"),
        ],
        ("s", "next", "m"), ("m", "y", "q"), ("m", "n", "z"), ("q", "next", "e"),
    )  # fmt: skip
    stage = Stage(raw).start().reply(tap="y", kind="button").reply("Não", tap="n", kind="button")

    assert stage.said == ["não então"]


def test_a_circle_without_waiting_is_stopped_and_a_person_called() -> None:
    raw = graph(
        [node("s", "start"), node("a", "set_variable", assignments=[{"name": "n", "kind": "increment", "value": 1}])],
        ("s", "next", "a"), ("a", "next", "a"),
    )  # fmt: skip
    stage = Stage(raw).start()

    assert stage.state.end_reason == "loop_guard"
    assert stage.handed_off


def test_a_menu_may_be_revisited_after_each_answer() -> None:
    raw = ask(response_type="text")
    raw["nodes"][2] = node(
        "c", "condition", mode="boolean", rules=[{"left": "{{x}}", "operator": "==", "right": "fim"}]
    )
    raw["nodes"].append(node("z", "end"))
    raw["edges"] = [
        {"source": "s", "target": "q"}, {"source": "q", "sourceHandle": "next", "target": "c"},
        {"source": "c", "sourceHandle": "false", "target": "q"}, {"source": "c", "sourceHandle": "true", "target": "z"},
    ]  # fmt: skip
    stage = Stage(raw).start()
    for _ in range(30):
        stage.reply("de novo")

    assert stage.state.status == "waiting"
    assert stage.reply("fim").ended


def test_a_deadline_reminds_once_and_then_goes_on() -> None:
    raw = ask(timeout_seconds=60, on_timeout={"do": "remind", "reminder": "Ainda aí?"})
    raw["nodes"].append(node("late", "end", message="tarde"))
    raw["edges"].append({"source": "q", "sourceHandle": "timeout", "target": "late"})
    stage = Stage(raw).start()

    assert stage.wait(timedelta(seconds=61)).said == ["Ainda aí?"]
    assert stage.wait(timedelta(seconds=61)).said == ["tarde"]


def test_a_stale_timer_changes_nothing() -> None:
    stage = Stage(ask(timeout_seconds=60)).start()
    before = stage.turn
    stage.reply("a")
    after = stage.state

    stage.turn = before
    stage.wait(timedelta(seconds=61))

    assert stage.state == after


def test_a_delay_sleeps_until_its_timer() -> None:
    raw = graph(
        [node("s", "start"), node("d", "delay", amount=2, unit="hours"), node("z", "end", message="voltei")],
        ("s", "next", "d"), ("d", "next", "z"),
    )  # fmt: skip
    stage = Stage(raw).start()
    timer = next(effect for effect in stage.turn.effects if isinstance(effect, SetTimer))

    assert stage.state.status == "sleeping"
    assert timer.due_at == NOW + timedelta(hours=2)
    before = stage.turn
    assert stage.reply("oi?").state.status == "sleeping"
    stage.turn = before
    assert stage.wait(timedelta(hours=2)).said == ["voltei"]


def test_a_jump_into_another_flow_returns_with_its_variables() -> None:
    child = compile_graph(
        graph(
            [node("s", "start"), node("q", "question", text="cidade?", variable="city"), node("z", "end")],
            ("s", "next", "q"), ("q", "next", "z"),
        ),
        program_id="child",
    )  # fmt: skip
    raw = graph(
        [
            node("s", "start"),
            node("j", "jump", target="flow", flow_id="child", return_to_parent=True, return_variables=["city"]),
            node("z", "end", message="{{city}} {{keep}}"),
        ],
        ("s", "next", "j"), ("j", "return", "z"),
    )  # fmt: skip
    stage = Stage(raw, others={"child": child}).start(keep="ok")

    assert stage.said == ["cidade?"]
    assert stage.state.program_id == "child"
    assert stage.reply("Santos").said == ["Santos ok"]
    assert stage.state.program_id == "main"


def test_errors_of_a_node_follow_the_flow_s_setting() -> None:
    raw = graph([node("s", "start"), node("d", "delay", mode="until", until="'nope'")], ("s", "next", "d"))
    stage = Stage({**raw, "settings": {"on_error": "message_and_end", "fallback_message": "Ops"}}).start()

    assert stage.said == ["Ops"]
    assert stage.state.end_reason == "failed"
    assert not stage.handed_off


def test_long_texts_are_cut_at_words() -> None:
    raw = graph([node("s", "start"), node("m", "message", text="{{long}}")], ("s", "next", "m"))
    stage = Stage(raw).start(long="palavra " * 1000)

    assert [len(text) <= 4096 for text in stage.said] == [True, True]


def test_an_empty_text_sends_nothing() -> None:
    raw = graph([node("s", "start"), node("m", "message", text="{{nothing}}")], ("s", "next", "m"))

    assert Stage(raw).start().said == []


def test_at_most_twenty_messages_leave_in_a_turn() -> None:
    raw = graph([node("s", "start"), node("m", "message", text="{{long}}")], ("s", "next", "m"))

    assert len(Stage(raw).start(long="a" * 16000).said) <= 20


def test_the_state_survives_storage() -> None:
    stage = Stage(DEMO).start().reply("1").reply("Ana Souza")

    restored = from_json(json.loads(json.dumps(stage.state.to_json())))

    assert restored == stage.state


def test_visits_name_the_handle_taken() -> None:
    stage = Stage(DEMO).start()
    visits = [effect for effect in stage.turn.effects if isinstance(effect, Visit)]

    assert [(visit.node_id, visit.handle) for visit in visits] == [("start", "next"), ("menu", "")]


def test_the_demo_books_an_appointment_and_reaches_a_person() -> None:
    stage = Stage(DEMO).start()
    for answer in ("Agendar consulta", "Ana Souza", "ana@exemplo.com", "Dermatologia", "1", "Confirmar"):
        stage.reply(answer)
    assert "Protocolo" in stage.said[0]

    stage.reply("Falar com atendente")

    assert stage.handed_off
    assert "Ana Souza" in stage.handed_off.context
    assert stage.handed_off.department == "atendimento"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(max_size=30) | st.sampled_from(["1", "2", "sim", "Ana Lima", "pular", "Confirmar"]), max_size=20)
)
def test_no_conversation_breaks_the_engine(replies: list[str]) -> None:
    stage = Stage(DEMO).start()

    for text in replies:
        stage.reply(text)

        assert stage.state.status in {"waiting", "sleeping", "ended"}
        assert len(stage.said) <= 20


def test_nothing_follows_the_end() -> None:
    stage = Stage(ask()).start().reply("a")
    ended = stage.state

    assert step(stage.program, ended, Reply(text="b"), stage.env).effects == ()
    assert step(stage.program, ended, Start(), stage.env).state == ended


def test_a_graph_that_cannot_run_names_its_nodes() -> None:
    with pytest.raises(GraphInvalidError) as caught:
        compile_graph(graph([node("s", "start"), node("x", "api_call", url="https://x")], ("s", "next", "x")))

    assert [finding.node_id for finding in caught.value.findings] == ["x"]
    assert begin(compile_graph(DEMO)).status == "running"
