"""LayerDiffuse's low-rank changes beside weights that would round them away: SDXL in fp8, Flux in INT8 and 4 bits."""

from pathlib import Path
from typing import Any

import comfy.utils
import pytest
import torch
from comfy.quant_ops import QuantizedTensor
from conftest import PACK, module_at
from test_quantised_bases import HOSTS_OWN, marked
from torch import Tensor, nn


@pytest.fixture(scope="module")
def pictures(tiny):
    return tiny.tiny_picture_models


@pytest.fixture(scope="module")
def sdxl_fp8(pictures):
    test_nodes = module_at(
        PACK / "tests" / "host" / "queue" / "packs" / "queue_test_nodes" / "__init__.py", "test_nodes"
    )
    return test_nodes.QueueTestCheckpoint().run(Path(pictures.SDXL).name, "fp8")[0]


@pytest.fixture(scope="module")
def flux_lora(models, pictures) -> dict[str, Tensor]:
    return comfy.utils.load_torch_file(str(models.folder / pictures.FLUX_LORA))


def quantised_flux(models: Any, pictures: Any, host_nodes: Any, name: str) -> Any:
    layout, how, said = HOSTS_OWN[name]
    stored: dict[str, Tensor] = {}
    for key, tensor in comfy.utils.load_torch_file(str(models.folder / pictures.FLUX)).items():
        stored[key] = tensor
        if "_blocks." in key and key.endswith(".weight") and tensor.ndim == 2:
            stored |= QuantizedTensor.from_float(tensor.float(), layout, **how).state_dict(key)
            stored |= marked(key, said)
    file = models.save("diffusion_models", f"flux_{name}.safetensors", stored)
    return host_nodes.UNETLoader(unet_name=file, weight_dtype="default")[0]


def applied(host_nodes: Any, model: Any, file: str, strength: float) -> Any:
    return host_nodes.RGBAApplyLayerDiffuse(model=model, weights_name=Path(file).name, strength=strength)[0]


def change_of(layer: nn.Module) -> Tensor:
    """What hooks add to the layer's output, for unit vectors: (out, in)."""
    unit = torch.eye(layer.in_features)
    return (layer(unit).double() - layer.forward(unit).double()).T


def test_sdxls_low_rank_changes_stand_beside_fp8(sdxl_fp8, models, pictures, host_nodes, on_host, small):
    file = comfy.utils.load_torch_file(str(models.folder / pictures.XL_ATTN))
    patched = applied(host_nodes, sdxl_fp8, pictures.XL_ATTN, 0.7)
    errors = []
    with on_host(patched) as loaded:
        for name in (name for name in file if name.endswith("::lora::0")):
            target = name.removeprefix("diffusion_model.").removesuffix(".weight::lora::0")
            wanted = 0.7 * file[name].double() @ file[name.replace("lora::0", "lora::1")].double()
            got = change_of(loaded.network.get_submodule(target))
            errors.append(((got - wanted).norm() / wanted.norm()).item())
    small(max(errors))


@pytest.mark.parametrize("name", ["int8", "nvfp4"])
def test_fluxs_low_rank_changes_stand_beside_quantised_weights_fused_layers_included(
    models, pictures, host_nodes, flux_lora, on_host, small, name
):
    """The same file merged into the weights in float32 says what is wanted."""
    plain = host_nodes.UNETLoader(unet_name=Path(pictures.FLUX).name, weight_dtype="default")[0]
    merged = applied(host_nodes, plain, pictures.FLUX_LORA, 0.7)
    before = {key: tensor.clone() for key, tensor in plain.model.state_dict().items()}
    with on_host(merged) as loaded:
        after = {key: tensor.clone() for key, tensor in loaded.patcher.model.state_dict().items()}
    targets = [key for key in after if not after[key].equal(before[key])]
    assert targets
    errors = []
    with on_host(
        applied(host_nodes, quantised_flux(models, pictures, host_nodes, name), pictures.FLUX_LORA, 0.7)
    ) as loaded:
        for key in targets:
            wanted = after[key].double() - before[key].double()
            got = change_of(loaded.network.get_submodule(key.removeprefix("diffusion_model.").removesuffix(".weight")))
            errors.append(((got - wanted).norm() / wanted.norm()).item())
    small(max(errors))
