from __future__ import annotations

from typing import Any

from edgemm.converters.passes.names import strip_metadata, unique_names


def test_every_node_gets_a_name_of_its_own(build: Any) -> None:
    model = build("g (float[2] x) => (float[2] y) { a = Relu(x) y = Tanh(a) }")
    for node in model.graph:
        node.name = "same"
    assert unique_names(model) == 1
    assert len({node.name for node in model.graph}) == 2


def test_a_node_without_a_name_is_called_by_its_output(build: Any) -> None:
    model = build("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    model.graph[0].name = ""
    unique_names(model)
    assert model.graph[0].name == "Relu_y"


def test_remarks_of_the_exporter_go(build: Any) -> None:
    model = build("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    model.graph[0].metadata_props["stack"] = "/home/me/secret.py"
    assert strip_metadata(model) == 1
    assert not model.graph[0].metadata_props
