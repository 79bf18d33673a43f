"""Encoding on the host against the official encoder and feature merge block: vae_encode_merge."""

import pytest
import torch

COLORS = ("black", "blue", "green", "cyan", "red", "magenta", "yellow", "white")


@pytest.fixture(scope="module")
def golden(goldens):
    return goldens("vae_encode_merge")


@pytest.fixture(scope="module")
def rgba_vae(golden, goldens, models, host_nodes):
    """The golden's encoder and merge block, with the other golden's decoders so that the two files are whole."""
    decoders = goldens("vae_decode_lora")
    base = {name: tensor.float() for name, tensor in (decoders.under("base/") | golden.under("vae/")).items()}
    merge = {name: tensor.float() for name, tensor in golden.under("merge/").items()}
    vae = models.save("vae", "golden_encoder_vae.safetensors", base)
    weights = models.save("vae", "golden_Wan-Alpha-VAE.bin", decoders.under("lora/") | merge)
    return host_nodes.RGBALoadWanAlphaVAE(vae_name=vae, weights_name=weights)[0]


def clip(golden, name):
    """(T, H, W, 4) in 0..1, as an IMAGE, and the golden's background."""
    rgba = torch.cat([golden[f"{name}/fgr"], golden[f"{name}/alpha"]])
    return (rgba.movedim(0, -1) + 1) / 2, COLORS[golden.header["clips"][name]["bg_color_index"]]


@pytest.mark.parametrize("name", ["t9", "t1"])
def test_encode_matches_the_reference(golden, rgba_vae, host_nodes, close, name):
    image, background = clip(golden, name)
    (latent,) = host_nodes.RGBAEncode(image=image, rgba_vae=rgba_vae, background=background)
    close(f"{name} latent", latent["samples"][0], golden[f"{name}/merged_raw"], 1e-5)
    assert latent["samples"].dtype == torch.float32


def test_alpha_in_a_mask_is_the_same_as_in_the_image(golden, rgba_vae, host_nodes, close):
    image, background = clip(golden, "t9")
    inputs = {"image": image[..., :3], "mask": 1 - image[..., 3]}
    (latent,) = host_nodes.RGBAEncode(**inputs, rgba_vae=rgba_vae, background=background)
    close("latent", latent["samples"][0], golden["t9/merged_raw"], 1e-5)


@pytest.mark.parametrize("name", ["t9", "t1", "t6"])
def test_the_hard_render_matches_the_reference(golden, host_nodes, close, name):
    image, background = clip(golden, name)
    color = "#" + "".join("ff" if on else "00" for on in golden_color(background))
    (rendered,) = host_nodes.RGBARender(image=image, mode="hard", color=color, threshold=0.0)
    close(f"{name} render", rendered * 2 - 1, golden[f"{name}/fgr_hard"].movedim(0, -1), 1e-6)


def golden_color(name: str) -> tuple[bool, bool, bool]:
    """Red, green and blue of the colour at the golden's index: its three bits."""
    index = COLORS.index(name)
    return bool(index & 4), bool(index & 2), bool(index & 1)


def test_the_background_changes_the_latent(golden, rgba_vae, host_nodes):
    image, background = clip(golden, "t9")
    right, other = (
        host_nodes.RGBAEncode(image=image, rgba_vae=rgba_vae, background=color)[0]["samples"]
        for color in (background, "white")
    )
    assert background != "white" and (right - other).abs().max() > 0.01


def test_six_frames_are_refused_by_the_node(golden, rgba_vae, host_nodes):
    image, background = clip(golden, "t6")
    with pytest.raises(ValueError, match=r"image must have a length of 4n \+ 1 frames, got 6; use 5 or 9\."):
        host_nodes.RGBAEncode(image=image, rgba_vae=rgba_vae, background=background)


def test_six_frames_are_encoded_by_the_network_as_the_reference_encodes_them(golden, rgba_vae, close):
    hard = golden["t6/fgr_hard"][None]
    alpha = golden["t6/alpha"].expand(3, -1, -1, -1)[None]
    latent = rgba_vae.encoder.first_stage_model(hard, alpha)
    close("t6 latent", latent[0], golden["t6/merged_raw"], 1e-5)


def test_features_match_the_reference(golden, rgba_vae, close):
    features = rgba_vae.encoder.first_stage_model.wan_vae.encode(golden["t9/fgr_hard"][None])
    close("t9 features", features[0], golden["t9/feat_fgr"], 5e-5)


def test_encode_leaves_its_inputs_alone(golden, rgba_vae, host_nodes):
    image, background = clip(golden, "t1")
    before = image.clone()
    host_nodes.RGBAEncode(image=image, rgba_vae=rgba_vae, background=background)
    assert torch.equal(image, before)


def test_a_batch_of_clips_is_encoded_clip_by_clip(golden, rgba_vae, host_nodes, close):
    image, background = clip(golden, "t9")
    both = {"image": torch.cat([image, image.flip(0)]), "clips": 2}
    (latent,) = host_nodes.RGBAEncode(**both, rgba_vae=rgba_vae, background=background)
    (backward,) = host_nodes.RGBAEncode(image=image.flip(0), rgba_vae=rgba_vae, background=background)
    close("first clip", latent["samples"][0], golden["t9/merged_raw"], 1e-5)
    close("second clip", latent["samples"][1:], backward["samples"], 1e-6)


def test_the_safetensors_form_of_a_merge_block_file_encodes_and_decodes_the_same_bits(tiny, host_nodes):
    def loaded(weights):
        names = {"vae_name": tiny.VAE, "weights_name": weights}
        (vae,) = host_nodes.RGBALoadWanAlphaVAE(**{name: file.split("/")[1] for name, file in names.items()})
        return vae

    image = torch.rand(5, 32, 48, 4, generator=torch.Generator().manual_seed(0))
    pickled, safe = (loaded(weights) for weights in (tiny.ALPHA_VAE, tiny.ALPHA_VAE_SAFE))
    latents = [host_nodes.RGBAEncode(image=image, rgba_vae=vae, background="blue")[0] for vae in (pickled, safe)]
    assert torch.equal(*(latent["samples"] for latent in latents))
    decoded = [host_nodes.RGBADecode(samples=latents[0], rgba_vae=vae, tile_size=0)[0] for vae in (pickled, safe)]
    assert torch.equal(*decoded)
