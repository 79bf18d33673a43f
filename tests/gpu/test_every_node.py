"""Every node on the device of --device against the same node on the CPU, under every way to start a host."""

from __future__ import annotations

import pytest
from conftest import MEMORY, ON_CUDA
from device_cases import CHANGE, COMPARED

NOTHING_ON_A_DEVICE = {"RGBATransparentPrompt": "puts words together"}
"""Nodes that no case runs, and why a device cannot change what they do."""


def of_a_change(tolerance: float) -> float:
    """How far off the difference between a patched model's result and the plain one's may be: it is a small part of
    both, so that their rounding weighs more; but half of it would be another change."""
    return min(5 * tolerance, 0.5)


@pytest.fixture
def variant(request, variants) -> str:
    """A variant's name; the test is skipped, with the reason, where this machine cannot run it."""
    if variants[request.param].lacks:
        pytest.skip(f"{request.param}: {variants[request.param].lacks}")
    return request.param


each_variant = pytest.mark.parametrize("variant", ON_CUDA, indirect=True)


@each_variant
@pytest.mark.parametrize("case", COMPARED)
def test_a_device_computes_what_the_cpu_computes(computed, variants, record_property, case, variant):
    found, expected = computed.tensors(variant, case), computed.tensors("reference", case)
    assert found.keys() == expected.keys() and expected
    for name, tensor in expected.items():
        assert found[name].shape == tensor.shape and found[name].isfinite().all()
        tolerance = variants[variant].tolerance
        allowed = of_a_change(tolerance) if name == CHANGE else tolerance
        distance = (found[name].double() - tensor.double()).norm() / tensor.double().norm().clamp(min=1e-6)
        record_property(name, f"{distance:.2g} of {allowed:g}")
        assert distance <= allowed, f"{name} is {distance:.2g} of its norm away from the CPU's, allowed are {allowed:g}"


@each_variant
def test_nothing_that_goes_from_node_to_node_stays_on_the_device_unless_the_host_keeps_it_there(computed, variant):
    elsewhere = {
        case: figures["devices"]
        for case in COMPARED
        if not set((figures := computed.figures(variant, case))["devices"]) <= {figures["expected device"], "cpu"}
    }
    assert elsewhere == {}


@pytest.mark.parametrize("variant", MEMORY, indirect=True)
def test_two_graphs_in_a_row_take_no_more_memory_each_time(computed, variant, pytestconfig):
    if pytestconfig.getoption("--device") == "cpu":
        pytest.skip("needs CUDA: what is measured is memory of the device")
    held = computed.tensors(variant, "two_graphs")["bytes"].tolist()
    assert held[-1] <= held[1], f"bytes after each round: {held}"


def test_every_node_is_compared_or_has_nothing_on_a_device(computed):
    every = set(computed.figures("reference", COMPARED[0])["every node"])
    compared = {node for case in COMPARED for node in computed.figures("reference", case)["nodes"]} & every
    assert len(every) > 40
    assert every - compared == NOTHING_ON_A_DEVICE.keys()


def test_a_case_that_has_to_be_told_apart_is_seen_to_differ(computed):
    """The comparison has something to compare: two ways to block text are not the same numbers."""
    blocked, released = (computed.tensors("reference", case) for case in ("cogvideox", "cogvideox_as_released"))
    assert any(not blocked[name].equal(released[name]) for name in blocked)
