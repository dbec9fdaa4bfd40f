"""Random graphs that can run, and random things that contacts do to them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from flows.engine.events import Event, Reply, Start, TimerFired
from tests.flows.engine.play import graph, node

Raw = dict[str, Any]

TEXTS = st.sampled_from(
    [
        "Oi",
        "Oi, {{name|first_name}}!",
        "{{#each rows}}{{index}}. {{this.label}} {{/each}}",
        "{{#if n > 2}}muito{{else}}pouco{{/if}}",
        "{{missing.path}}",
        "{{price|currency}} até {{now_plus(2)}}",
        "x" * 5000,
    ]
)
EXPRESSIONS = st.sampled_from(
    [
        "n + 1",
        "n / 0",
        "rows[0].id",
        "append(rows, {id: text_of, label: n})",
        "join(map(rows, 'id'))",
        "today()",
        "'a' * 2",
    ]
)
EXPRESSIONS_THAT_GROW = st.just("concat(rows, rows)")
VARIABLES = st.sampled_from(["n", "name", "rows", "price", "answer"])
DO = st.sampled_from(["continue", "goto", "handoff", "end"])


def _in_two(text: str) -> dict[str, str]:
    return {"pt-br": text, "en": f"{text} (en)"}


def _buttons() -> st.SearchStrategy[list[dict[str, Any]]]:
    titles = st.sampled_from(["Sim", "Não", "Talvez", "{{name}}"])
    return st.lists(titles, min_size=1, max_size=3, unique=True).map(
        lambda found: [{"id": f"b{index}", "title": _in_two(title)} for index, title in enumerate(found)]
    )


def _assignment() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.fixed_dictionaries(
            {"name": VARIABLES, "kind": st.just("expression"), "value": EXPRESSIONS | EXPRESSIONS_THAT_GROW}
        ),
        st.fixed_dictionaries({"name": VARIABLES, "kind": st.just("template"), "value": TEXTS}),
        st.fixed_dictionaries({"name": VARIABLES, "kind": st.just("append"), "value": TEXTS}),
        st.fixed_dictionaries({"name": VARIABLES, "kind": st.just("increment"), "value": st.integers(-2, 2)}),
        st.fixed_dictionaries({"name": VARIABLES, "kind": st.just("copy"), "value": st.just("rows.0")}),
        st.fixed_dictionaries({"name": VARIABLES, "kind": st.just("unset")}),
        st.fixed_dictionaries(
            {"name": st.just("rows"), "kind": st.just("static"), "value": st.just([{"id": "r1", "label": "Um"}] * 3)}
        ),
    )


def _data(kind: str, ids: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    patience = {"on_max_attempts": st.fixed_dictionaries({"do": DO}), "max_attempts": st.integers(1, 3)}
    rule = st.fixed_dictionaries(
        {"left": TEXTS, "operator": st.sampled_from(["==", ">", "contains", "empty", "regex"]), "right": st.just("Oi")}
    )
    choices: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "message": st.fixed_dictionaries({"text": TEXTS}),
        "question": st.fixed_dictionaries(
            {"text": TEXTS, "variable": VARIABLES, "response_type": st.sampled_from(["text", "number", "date", "any"])},
            optional=patience,
        ),
        "choice": st.fixed_dictionaries(
            {"text": TEXTS, "variable": VARIABLES, "response_type": st.just("choice"), "options_from": st.just("rows")},
            optional=patience,
        ),
        "interactive_buttons": st.fixed_dictionaries(
            {"body": TEXTS.filter(lambda text: len(text) < 1000).map(_in_two), "buttons": _buttons()},
            optional={**patience, "variable": VARIABLES, "timeout_seconds": st.just(60)},
        ),
        "interactive_list": st.fixed_dictionaries(
            {
                "body": TEXTS.filter(lambda text: len(text) < 4000),
                "sections": _buttons().map(lambda rows: [{"title": "", "rows": rows}]),
            },
            optional={"routing": st.sampled_from(["per_row", "selected"]), "variable": VARIABLES},
        ),
        "condition": st.fixed_dictionaries(
            {"mode": st.just("boolean"), "rules": st.lists(rule, min_size=1, max_size=2)}
        ),
        "set_variable": st.fixed_dictionaries({"assignments": st.lists(_assignment(), min_size=1, max_size=3)}),
        "jump": st.fixed_dictionaries({"target": st.just("node"), "node_id": st.sampled_from(ids)}),
        "call": st.fixed_dictionaries(
            {"target": st.just("flow"), "flow_id": st.sampled_from(["main", "gone"]), "return_to_parent": st.booleans()}
        ),
        "delay": st.fixed_dictionaries({"amount": st.integers(1, 3)}),
        "handoff": st.fixed_dictionaries({"context": TEXTS}),
        "end": st.fixed_dictionaries({"message": TEXTS}),
    }
    return choices[kind]


TYPES = {"choice": "question", "call": "jump"}
KINDS = [
    "message", "question", "choice", "interactive_buttons", "interactive_list", "condition", "set_variable",
    "jump", "call", "delay", "handoff", "end",
]  # fmt: skip
EXITS = ("next", "selected", "true", "false", "return", "invalid", "timeout", "error", "b0", "b1", "b2")


@st.composite
def graphs(draw: st.DrawFn) -> Raw:
    """Any wiring, circles included: what the engine accepts, not only what the checks let authors publish."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8))
    ids = [f"n{index}" for index in range(len(kinds))]
    nodes = [node("s", "start", greeting=draw(TEXTS))]
    nodes += [node(id_, TYPES.get(kind, kind), **draw(_data(kind, ids))) for id_, kind in zip(ids, kinds, strict=True)]
    edges = [("s", "next", ids[0])]
    for id_ in ids:
        wired = draw(st.lists(st.sampled_from(EXITS), unique=True, max_size=6))
        edges += [(id_, name, draw(st.sampled_from(ids))) for name in wired]
    on_error = draw(st.sampled_from(["handoff", "end", "message_and_end"]))
    return graph(nodes, *edges, settings={"on_error": on_error})


ANSWERS = st.sampled_from(["1", "2", "oi", "sim", "12,5", "amanhã", "", "b", "፩", "9" * 5000])
EVENTS: st.SearchStrategy[list[Event]] = st.lists(
    st.one_of(
        st.builds(Reply, text=ANSWERS, reply_id=st.sampled_from(["", "", "b0", "b1", "r1", "zz"])),
        st.builds(Reply, kind=st.just("image"), payload=st.just({"media_id": "m"})),
        st.just(TimerFired(kind="", node_id="", token="")),
    ),
    max_size=10,
).map(lambda replies: [Start(text="oi", variables={"name": "Ana Souza", "n": 1, "price": "12,5"}), *replies])
