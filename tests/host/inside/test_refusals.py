"""What the nodes refuse, and what they say: the input's name, what came, and what to do."""

import pickle
from pathlib import Path

import comfy.utils
import pytest
import torch

import nodes


@pytest.fixture(scope="module")
def weights(tiny, models):
    """`weights("DORA")`: the tensors of a tiny checkpoint."""
    return lambda kind: comfy.utils.load_torch_file(str(models.folder / getattr(tiny, kind)))


@pytest.fixture(scope="module")
def model(tiny, host_nodes):
    return host_nodes.UNETLoader(unet_name=Path(tiny.DIT).name, weight_dtype="default")[0]


@pytest.fixture(scope="module")
def load_vae(tiny, host_nodes):
    def load(vae_name=None, weights_name=None):
        names = {"vae_name": vae_name or tiny.VAE, "weights_name": weights_name or tiny.ALPHA_VAE}
        return host_nodes.RGBALoadWanAlphaVAE(**{name: Path(file).name for name, file in names.items()})[0]

    return load


@pytest.fixture(scope="module")
def rgba_vae(load_vae):
    return load_vae()


@pytest.fixture(scope="module")
def apply_dora(tiny, model, host_nodes):
    def apply(dora_name=None, speed_lora_name="none", model=model, way="auto"):
        named = {"strength": 1.0, "speed_strength": 1.0, "apply": way, "speed_lora_name": Path(speed_lora_name).name}
        return host_nodes.RGBAApplyDoRA(model=model, dora_name=Path(dora_name or tiny.DORA).name, **named)[0]

    return apply


# Pictures and latents


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_latent_without_a_picture_is_refused(rgba_vae, host_nodes, value):
    samples = torch.zeros(1, 16, 3, 4, 4)
    samples[0, 3, 1, 2, 2] = value
    with pytest.raises(ValueError, match=r"^samples holds NaN or infinity.*bf16 instead of fp16"):
        host_nodes.RGBADecode(samples={"samples": samples}, rgba_vae=rgba_vae, tile_size=0)


@pytest.mark.parametrize("shape", [(1, 4, 8, 8), (1, 48, 3, 4, 4), (1, 16, 8, 8)])
def test_another_models_latent_is_refused(rgba_vae, host_nodes, shape):
    with pytest.raises(ValueError, match=r"^samples wants a Wan 2\.1 video latent \(B, 16, t, h, w\), got \("):
        host_nodes.RGBADecode(samples={"samples": torch.zeros(shape)}, rgba_vae=rgba_vae, tile_size=0)


@pytest.mark.parametrize(("frames", "advice"), [(6, "5 or 9"), (2, "1 or 5"), (4, "1 or 5"), (80, "77 or 81")])
def test_frame_counts_between_the_latents_are_refused(rgba_vae, host_nodes, frames, advice):
    image = torch.zeros(frames, 16, 16, 4)
    with pytest.raises(ValueError, match=rf"^image must have a length of 4n \+ 1 frames, got {frames}; use {advice}\."):
        host_nodes.RGBAEncode(image=image, rgba_vae=rgba_vae, background="black")


@pytest.mark.parametrize(("height", "width"), [(36, 40), (40, 36), (4, 4)])
def test_sizes_between_the_latents_are_refused(rgba_vae, host_nodes, height, width):
    image = torch.zeros(5, height, width, 4)
    with pytest.raises(ValueError, match=rf"^image must have .* multiples of 8, got {width} x {height}; use \d"):
        host_nodes.RGBAEncode(image=image, rgba_vae=rgba_vae, background="black")


@pytest.mark.parametrize("shape", [(4, 16, 16), (5, 16, 24), (2, 16, 16)])
@pytest.mark.parametrize("node", ["RGBAJoin", "RGBASplit", "RGBAEncode", "RGBAFitEllipses", "RGBARender"])
def test_a_mask_that_does_not_fit_is_refused_with_both_sizes(rgba_vae, host_nodes, node, shape):
    inputs = {
        "RGBAJoin": {"rgb": torch.zeros(5, 16, 16, 3)},
        "RGBAEncode": {"rgba_vae": rgba_vae, "background": "black"},
        "RGBARender": {"mode": "soft", "color": "#000000", "threshold": 0.0},
    }.get(node, {})
    inputs.setdefault("rgb" if node == "RGBAJoin" else "image", torch.zeros(5, 16, 16, 3))
    frames, height, width = shape
    message = rf"^mask has {frames} frames of {width} x {height}, image has 5 frames of 16 x 16; give one mask"
    with pytest.raises(ValueError, match=message):
        getattr(host_nodes, node)(**inputs, mask=torch.rand(shape))


def test_a_grey_clip_that_does_not_fit_is_refused(host_nodes):
    with pytest.raises(ValueError, match=r"alpha has 4 frames of 16 x 16, rgb has 5 frames of 16 x 16"):
        host_nodes.RGBAJoin(rgb=torch.zeros(5, 16, 16, 3), alpha=torch.zeros(4, 16, 16, 3))


@pytest.mark.parametrize("shape", [(5, 16, 16, 1), (5, 16, 16, 5), (16, 16, 3)])
def test_what_is_no_picture_is_refused(host_nodes, shape):
    with pytest.raises(ValueError, match=r"^image wants frames \(T, H, W, 3 or 4\), got"):
        host_nodes.RGBASplit(image=torch.zeros(shape))


def test_a_colour_in_words_is_refused(host_nodes):
    with pytest.raises(ValueError, match=r"^color wants #rrggbb, such as #00ff00, got 'red'"):
        host_nodes.RGBARender(image=torch.zeros(1, 8, 8, 3), mode="soft", color="red", threshold=0.0)


@pytest.mark.parametrize("shape", [(1, 96, 160), (5, 96, 160), (9, 96, 152), (2, 12, 20)])
def test_a_subject_on_neither_grid_is_refused_with_both_named(model, host_nodes, shape):
    shift = {"mean_shift": 0.05, "subject_is": "subject = 1", "rounding": "float32"}
    (shifted,) = host_nodes.RGBAMeanShift(model=model, subject=torch.ones(shape), **shift)
    conditioning, empty = [[torch.zeros(1, 6, 32), {}]], {"samples": torch.zeros(1, 16, 3, 12, 20)}
    settings = {"seed": 5, "steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
    inputs = {"positive": conditioning, "negative": conditioning, "latent_image": empty}
    both_grids = r"subject must have 9 frames of 160 x 96 .* or 3 frames of any size \(latent grid 20 x 12\)"
    with pytest.raises(ValueError, match=both_grids):
        host_nodes.KSampler(model=shifted, **settings, **inputs)


# Files of another kind


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"vae_name": "DECODERS"}, "vae_name wants a Wan 2.1 VAE, but .* decoder LoRA file .*takes it as weights_name"),
        ({"vae_name": "ALPHA_VAE"}, "vae_name wants a Wan 2.1 VAE, but .* merge block .*takes it as weights_name"),
        ({"weights_name": "VAE"}, "weights_name wants .* but .* is a Wan 2.1 VAE .*takes the stock one as vae_name"),
    ],
)
def test_a_vae_file_in_the_other_input_is_refused_with_the_one_that_takes_it(tiny, load_vae, wrong, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        load_vae(**{name: getattr(tiny, kind) for name, kind in wrong.items()})


def test_a_dora_as_vae_weights_is_refused_with_the_node_that_takes_it(tiny, load_vae):
    with pytest.raises(ValueError, match=r"is a Wan-Alpha DoRA .* Apply Wan-Alpha DoRA takes it as dora_name"):
        load_vae(weights_name=tiny.DORA)


def test_a_speed_lora_as_dora_is_refused_with_the_input_that_takes_it(tiny, apply_dora):
    with pytest.raises(ValueError, match=r"dora_name wants a Wan-Alpha DoRA.* takes it as speed_lora_name"):
        apply_dora(tiny.SPEED)


def test_a_dora_as_speed_lora_is_refused_with_the_input_that_takes_it(tiny, apply_dora):
    with pytest.raises(ValueError, match=r"speed_lora_name wants a Wan LoRA.* takes it as dora_name"):
        apply_dora(speed_lora_name=tiny.DORA)


def test_a_merge_block_alone_does_not_decode(weights, models, load_vae):
    only = {key: tensor for key, tensor in weights("ALPHA_VAE").items() if key.startswith("middle.block.")}
    with pytest.raises(
        ValueError, match=r"weights_name wants .* but .* is a Wan-Alpha feature merge block .*No node takes it alone"
    ):
        load_vae(weights_name=models.save("vae", "merge_only.safetensors", only))


def test_a_vae_without_merge_block_does_not_encode(tiny, load_vae, host_nodes):
    decodes_only = load_vae(weights_name=tiny.DECODERS)
    with pytest.raises(
        ValueError,
        match=r"no feature merge block\. Load Wan-Alpha-VAE\.bin \(v1\) or Wan-Alpha-v2-VAE\.bin with Load Wan-Alpha",
    ):
        host_nodes.RGBAEncode(image=torch.zeros(5, 16, 16, 4), rgba_vae=decodes_only, background="red")


@pytest.mark.parametrize("wrong", ["rgb_vae", "alpha_vae"])
def test_a_pair_with_another_vae_is_refused(tiny, host_nodes, wrong):
    (right,) = host_nodes.VAELoader(vae_name=Path(tiny.RGB_CHANNEL).name)
    (other,) = host_nodes.VAELoader(vae_name="pixel_space")
    with pytest.raises(ValueError, match=f"^{wrong} wants a Wan 2.1 VAE, got a .*; load a wan_alpha_2.1_vae file"):
        host_nodes.RGBAVAEFromPair(**{"rgb_vae": right, "alpha_vae": right, wrong: other})


def test_one_vae_for_colour_and_alpha_is_refused(tiny, host_nodes):
    (vae,) = host_nodes.VAELoader(vae_name=Path(tiny.RGB_CHANNEL).name)
    with pytest.raises(ValueError, match=r"^rgb_vae and alpha_vae are the same VAE"):
        host_nodes.RGBAVAEFromPair(rgb_vae=vae, alpha_vae=vae)


def test_a_dora_as_text_encoder_is_refused(tiny, models, weights, host_nodes):
    name = models.save("text_encoders", "no_encoder.safetensors", weights("DORA"))
    with pytest.raises(
        ValueError, match=r"^text_encoder_name no_encoder\.safetensors is not a UMT5 text encoder for Wan: it lacks"
    ):
        host_nodes.RGBALoadTextEncoder(text_encoder_name=name)


# Files of another model


def wider(tensors):
    return {
        key: tensor.repeat_interleave(2, -1) if "lora_A" in key or "lora_down" in key else tensor
        for key, tensor in tensors.items()
    }


def deeper(tensors):
    last = {key: tensor for key, tensor in tensors.items() if "blocks.1." in key}
    return tensors | {key.replace("blocks.1.", "blocks.2."): tensor for key, tensor in last.items()}


@pytest.mark.parametrize("way", ["merged", "unmerged"])
def test_a_dora_of_another_width_is_refused(weights, models, apply_dora, way):
    name = models.save("loras", "wider.safetensors", wider(weights("DORA")))
    with pytest.raises(
        ValueError, match=r"^dora_name wider\.safetensors was made for a model of another size: .*\[48, 96\]"
    ):
        apply_dora(name, way=way)


@pytest.mark.parametrize("way", ["merged", "unmerged"])
def test_a_dora_of_a_deeper_model_is_refused(weights, models, apply_dora, way):
    name = models.save("loras", "deeper.safetensors", deeper(weights("DORA")))
    with pytest.raises(
        ValueError, match=r"^dora_name deeper\.safetensors changes 10 layers that this model does not have"
    ):
        apply_dora(name, way=way)


def test_a_speed_lora_of_another_width_is_refused(weights, models, apply_dora):
    speed = wider(weights("SPEED"))
    with pytest.raises(
        ValueError, match=r"^speed_lora_name wide_speed\.safetensors was made for a model of another size"
    ):
        apply_dora(speed_lora_name=models.save("loras", "wide_speed.safetensors", speed))


def test_a_speed_lora_with_more_than_the_model_has_puts_a_warning_on_the_node(weights, models, apply_dora, caplog):
    speed = weights("SPEED") | {"diffusion_model.img_emb.proj.0.diff": torch.zeros(3), "lora_te_x": torch.zeros(1)}
    apply_dora(speed_lora_name=models.save("loras", "more_speed.safetensors", speed))
    assert "more_speed.safetensors: 2 keys change nothing in this model (" in caplog.text


def test_a_dora_of_two_ranks_is_refused(weights, models, apply_dora):
    dora = weights("DORA")
    key = "blocks.1.ffn.0.lora_{}.default.weight"
    dora[key.format("A")], dora[key.format("B")] = torch.zeros(5, 48), torch.zeros(96, 5)
    with pytest.raises(
        ValueError, match=r"^dora_name two_ranks\.safetensors: a DoRA has one rank, this file has \[4, 5\]"
    ):
        apply_dora(models.save("loras", "two_ranks.safetensors", dora))


def test_a_pair_of_two_ranks_is_refused(weights, models, load_vae):
    loras = weights("DECODERS_SAFE")
    key = "vae_pha.decoder.conv1.conv3D.lora_B.default.weight"
    loras[key] = loras[key][:, :3]
    with pytest.raises(
        ValueError, match=r"^weights_name .*vae_pha\.decoder\.conv1.* expected up \[out, r\] and down \[r, in\]"
    ):
        load_vae(weights_name=models.save("vae", "two_ranks.safetensors", loras))


def test_decoders_for_a_vae_of_another_width_are_refused(goldens, models, load_vae):
    base = {name: tensor.float() for name, tensor in goldens("vae_decode_lora").under("base/").items()}
    with pytest.raises(ValueError, match=r"^weights_name .* made for a VAE of width 8, the chosen VAE has width 4"):
        load_vae(vae_name=models.save("vae", "narrow.safetensors", base))


def test_a_dora_on_another_architecture_is_refused(weights, models, host_nodes, apply_dora, rgba_vae):
    """A model without any of the layers."""
    renamed = {key.replace("blocks.", "blocks.9"): tensor for key, tensor in weights("DORA").items()}
    with pytest.raises(
        ValueError, match=r"^dora_name elsewhere\.safetensors does not fit this model: it has no blocks\.9"
    ):
        apply_dora(models.save("loras", "elsewhere.safetensors", renamed))


# Damaged files


@pytest.fixture(scope="module")
def cut(tiny, models):
    """`cut("DORA", 0.5)`: the name of the first half of a tiny checkpoint."""

    def shorten(kind: str, share: float) -> str:
        source = models.folder / getattr(tiny, kind)
        whole = source.read_bytes()
        path = models.path(source.parent.name, f"cut_{share}_{source.name}")
        path.write_bytes(whole[: int(share * len(whole))])
        return path.name

    return shorten


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["DECODERS", "DECODERS_SAFE", "ALPHA_VAE", "VAE"])
def test_a_vae_file_that_was_cut_off_is_refused_by_input_and_name(cut, load_vae, kind, share):
    name, given = cut(kind, share), "vae_name" if kind == "VAE" else "weights_name"
    with pytest.raises(ValueError, match=rf"^{given} {name}: .*[Dd]ownload it again"):
        load_vae(**{given: name})


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["DORA", "DORA_COMFY", "SPEED"])
def test_a_lora_that_was_cut_off_is_refused_by_input_and_name(cut, apply_dora, kind, share):
    name, given = cut(kind, share), "speed_lora_name" if kind == "SPEED" else "dora_name"
    with pytest.raises(ValueError, match=rf"^{given} {name}: .*[Dd]ownload it again"):
        apply_dora(**{given: name})


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_gauss_mask_that_was_cut_off_is_refused_by_input_and_name(cut, host_nodes, share):
    name = cut("GAUSS_MASK", share)
    with pytest.raises(ValueError, match=rf"^file {name}: .*[Dd]ownload it again"):
        host_nodes.RGBALoadSubject(file=name)


def test_a_web_page_under_a_models_name_is_refused(models, apply_dora):
    models.path("loras", "page.safetensors").write_text("<!DOCTYPE html><html>404</html>" * 20)
    with pytest.raises(ValueError, match=r"^dora_name page\.safetensors: .*this is text that begins '<!DOCTYPE html>"):
        apply_dora("page.safetensors")


class Trap:
    """A pickle of it runs code in whoever opens it carelessly: it makes a file."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self):
        return Path.touch, (self.made,)


@pytest.fixture(params=["torch", "plain pickle"])
def trap(request, tmp_path):
    """A weights file with code in it, and the file that the code would make."""
    made, path = tmp_path / "made", tmp_path / "trap.bin"
    content = {"vae_fgr.decoder.conv1.lora_A.weight": torch.zeros(1), "x": Trap(made)}
    if request.param == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    yield path, made
    torch.load(path, weights_only=False) if request.param == "torch" else pickle.loads(path.read_bytes())
    assert made.exists()  # the trap works


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("vae", "weights_name"),
        ("vae", "vae_name"),
        ("loras", "dora_name"),
        ("loras", "speed_lora_name"),
        ("input", "file"),
        ("text_encoders", "text_encoder_name"),
    ],
)
def test_a_pickle_with_code_in_it_is_refused_and_its_code_does_not_run(
    trap, models, host_nodes, load_vae, apply_dora, kind, given
):
    path, made = trap
    models.path(kind, "trap.pt").write_bytes(path.read_bytes())
    by_folder = {
        "vae": load_vae,
        "loras": apply_dora,
        "input": host_nodes.RGBALoadSubject,
        "text_encoders": host_nodes.RGBALoadTextEncoder,
    }
    with pytest.raises(ValueError, match=rf"^{given} trap\.pt: .*(reading it would run code|could not be read)"):
        by_folder[kind](**{given: "trap.pt"})
    assert not made.exists()


# Subjects


@pytest.mark.parametrize("name", ["../outside", "{folder}/outside", "nowhere", "."])
def test_a_subject_outside_of_the_input_folder_is_refused(models, host_nodes, name):
    torch.save(torch.zeros(3, 4, 4), models.folder / "outside")
    name = name.format(folder=models.folder)
    with pytest.raises(ValueError, match="is no file of the input folder"):
        host_nodes.RGBALoadSubject(file=name)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_a_subject_out_of_range_is_refused(models, host_nodes, value):
    torch.save(torch.full((3, 4, 4), value), models.path("input", "out_of_range"))
    with pytest.raises(ValueError, match=r"^file out_of_range wants values from 0 to 1, got"):
        host_nodes.RGBALoadSubject(file="out_of_range")


def test_a_subject_is_read_as_it_was_saved(tiny, models, host_nodes):
    (subject,) = host_nodes.RGBALoadSubject(file="gauss_mask")
    assert torch.equal(subject, torch.load(models.folder / tiny.GAUSS_MASK))


@pytest.mark.parametrize("suffix", ["", ".pt", ".pth", ".safetensors"])
def test_a_subject_is_listed_and_read_by_every_suffix(models, host_nodes, suffix):
    name = f"shots/another_mask{suffix}"
    field = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(0))
    if suffix == ".safetensors":
        models.save("input", name, {"any name": field})
    else:
        torch.save(field, models.path("input", name))
    _, settings = nodes.NODE_CLASS_MAPPINGS["RGBALoadSubject"].INPUT_TYPES()["required"]["file"]
    assert name in settings["options"]
    (subject,) = host_nodes.RGBALoadSubject(file=name)
    assert torch.equal(subject, field)
