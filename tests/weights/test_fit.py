import pytest
import torch

from pipelines.lora.dora import dora_shapes, read_dora
from pipelines.lora.speed_lora import read_speed_lora, speed_lora_shapes
from pipelines.weights.fit import check_fit


@pytest.fixture
def model(dora_goldens) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in dora_goldens.under("base/").items()}


def test_the_reference_files_fit_the_reference_model(dora_goldens, model):
    dora, lora = read_dora(dora_goldens.under("dora/")), read_speed_lora(dora_goldens.under("lightx2v/"))
    assert len(dora_shapes(dora)) == 10
    assert check_fit("t2v.safetensors", dora_shapes(dora), model) == ()
    assert check_fit("lightx2v.safetensors", speed_lora_shapes(lora), model) == ()


def test_names_that_the_model_lacks_are_returned(dora_goldens, model):
    dora = read_dora(dora_goldens.under("dora/"))
    del model["blocks.0.ffn.0.weight"]
    assert check_fit("t2v.safetensors", dora_shapes(dora), model) == ("blocks.0.ffn.0.weight",)


def test_a_model_of_another_size_is_refused(dora_goldens, model):
    dora = read_dora(dora_goldens.under("dora/"))
    wider = {name: (48, *shape[1:]) for name, shape in model.items()}
    message = (
        r"t2v\.safetensors was made for a model of another size: .*\[24, 24\] in the file, \[48, 24\] in the model\)"
    )
    with pytest.raises(ValueError, match=message + r".* and 8 more"):
        check_fit("t2v.safetensors", dora_shapes(dora), wider)


def test_a_difference_of_another_size_is_refused(model):
    lora = read_speed_lora({"head.diff_m": torch.ones(1, 2, 25)})
    with pytest.raises(ValueError, match=r"head\.modulation \(\[1, 2, 25\] in the file"):
        check_fit("x.safetensors", speed_lora_shapes(lora), model)


def test_a_model_of_another_family_is_refused(dora_goldens):
    dora = read_dora(dora_goldens.under("dora/"))
    with pytest.raises(
        ValueError, match=r"t2v\.safetensors does not fit this model: it has no blocks\.0\..* and 5 more"
    ):
        check_fit("t2v.safetensors", dora_shapes(dora), {"transformer.weight": (3, 3)})
