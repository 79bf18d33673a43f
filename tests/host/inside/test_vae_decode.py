"""Dual decode on the host against the official decoders: vae_decode_lora."""

import comfy.latent_formats
import comfy.sd
import pytest
import torch

LORA_FILES = ("golden_decoder.bin", "golden_decoder.safetensors")


@pytest.fixture(scope="module")
def golden(goldens):
    return goldens("vae_decode_lora")


@pytest.fixture(scope="module")
def base(golden):
    return {name: tensor.float() for name, tensor in golden.under("base/").items()}


@pytest.fixture(scope="module")
def files(golden, base, models) -> None:
    models.save("vae", "golden_wan_vae.safetensors", base)
    loras = golden.under("lora/")
    models.save("vae", LORA_FILES[0], {name: torch.nn.Parameter(tensor) for name, tensor in loras.items()})
    models.save("loras", LORA_FILES[1], loras)


@pytest.fixture(scope="module")
def rgba_vae(files, host_nodes):
    return host_nodes.RGBALoadWanAlphaVAE(vae_name="golden_wan_vae.safetensors", weights_name=LORA_FILES[0])[0]


@pytest.fixture(scope="module")
def samples(golden):
    return {"samples": comfy.latent_formats.Wan21().process_out(golden["latent"][None])}


@pytest.fixture(scope="module")
def expected(golden):
    """The official frames (T, H, W, 3) in 0..1, colour and alpha."""
    return tuple((golden[name].movedim(0, -1) + 1) / 2 for name in ("rgb", "alpha3"))


@pytest.mark.parametrize("file", LORA_FILES)
def test_the_two_decoders_have_the_references_weights(golden, files, host_nodes, close, file):
    (vae,) = host_nodes.RGBALoadWanAlphaVAE(vae_name="golden_wan_vae.safetensors", weights_name=file)
    for which, decoder in (("rgb", vae.rgb), ("alpha", vae.alpha)):
        weights = decoder.first_stage_model.state_dict()
        for name, weight in golden.under(f"merged/{which}/").items():
            close(f"{which} {name}", weights[name], weight, 1e-6)


def test_a_pickle_and_its_safetensors_give_the_same_bits(files, host_nodes, samples):
    names = [{"vae_name": "golden_wan_vae.safetensors", "weights_name": file} for file in LORA_FILES]
    pickled, safe = (host_nodes.RGBALoadWanAlphaVAE(**each)[0] for each in names)
    frames = [host_nodes.RGBADecode(samples=samples, rgba_vae=vae, tile_size=0)[0] for vae in (pickled, safe)]
    assert torch.equal(*frames)


def test_decode_matches_the_reference(rgba_vae, host_nodes, samples, expected, close):
    image, rgb, mask = host_nodes.RGBADecode(samples=samples, rgba_vae=rgba_vae, tile_size=0)
    close("rgb", rgb, expected[0], 1e-4)
    close("alpha", image[..., 3], expected[1].mean(-1), 1e-4)
    assert torch.equal(image[..., :3], rgb)
    assert torch.equal(mask, 1 - image[..., 3])
    assert (image.dtype, image.shape) == (torch.float32, (9, 32, 32, 4))
    assert image.min() == 0 and image.max() == 1  # some of these values lie outside and are clamped


def test_the_frames_in_8_bits_are_the_references(golden, rgba_vae, host_nodes, samples, expected):
    image = host_nodes.RGBADecode(samples=samples, rgba_vae=rgba_vae, tile_size=0)[0]
    cut = (image * 255).to(torch.uint8)
    levels = 255 * torch.cat([expected[0], expected[1].mean(-1, keepdim=True)], -1)
    certain = (levels - levels.round()).abs() > 1e-3  # elsewhere the last bit decides where the reference cuts
    assert certain.float().mean() > 0.8  # not the clamped values, which are whole levels
    assert torch.equal(cut[certain], golden["comfy_node_frames_rgba_u8"][certain])
    assert (cut.int() - golden["frames_rgba_u8"].int()).abs().max() <= 1


def test_a_pair_of_merged_vaes_decodes_like_the_loras(base, rgba_vae, models, host_nodes, samples):
    pair = []
    for which, decoder in (("rgb", rgba_vae.rgb), ("alpha", rgba_vae.alpha)):
        weights = base | decoder.first_stage_model.state_dict()
        name = models.save("vae", f"golden_{which}_channel.safetensors.safetensors", weights)
        pair += host_nodes.VAELoader(vae_name=name)
    (joined,) = host_nodes.RGBAVAEFromPair(rgb_vae=pair[0], alpha_vae=pair[1])
    frames = [host_nodes.RGBADecode(samples=samples, rgba_vae=vae, tile_size=0)[0] for vae in (joined, rgba_vae)]
    assert torch.equal(*frames)


def test_the_split_vaes_decode_with_the_hosts_own_node(rgba_vae, host_nodes, samples):
    image, rgb, _ = host_nodes.RGBADecode(samples=samples, rgba_vae=rgba_vae, tile_size=0)
    rgb_vae, alpha_vae = host_nodes.RGBASplitVAE(rgba_vae=rgba_vae)
    assert torch.equal(host_nodes.VAEDecode(samples=samples, vae=rgb_vae)[0], rgb)
    assert torch.equal(host_nodes.VAEDecode(samples=samples, vae=alpha_vae)[0].mean(-1), image[..., 3])


@pytest.mark.parametrize("which", ["rgb", "alpha"])
def test_the_host_loads_one_decoder_again_and_nothing_else(rgba_vae, monkeypatch, which):
    made, vae = [], comfy.sd.VAE
    monkeypatch.setattr(comfy.sd, "VAE", lambda *args, **named: made.append(1) or vae(*args, **named))
    patcher = getattr(rgba_vae, which).patcher
    copy = patcher.deepclone_multigpu(new_load_device=torch.device("cpu"))
    assert len(made) == 1
    found, expected = (each.model.state_dict() for each in (copy, patcher))
    assert found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in expected)


def test_a_tile_larger_than_the_frame_changes_nothing(rgba_vae, host_nodes, samples):
    whole, tiled = (host_nodes.RGBADecode(samples=samples, rgba_vae=rgba_vae, tile_size=s)[0] for s in (0, 512))
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-6)


def test_tiles_are_those_of_the_hosts_tiled_decoder(rgba_vae, host_nodes):
    latent = {"samples": torch.randn(1, 16, 2, 12, 20, generator=torch.Generator().manual_seed(0))}
    whole, tiled = (host_nodes.RGBADecode(samples=latent, rgba_vae=rgba_vae, tile_size=size)[0] for size in (0, 64))
    assert tiled.shape == whole.shape == (5, 96, 160, 4)
    assert not torch.equal(tiled, whole)  # the attention of this network sees a tile only
    named = {"tile_size": 64, "overlap": 16, "temporal_size": 64, "temporal_overlap": 8}
    assert torch.equal(tiled[..., :3], host_nodes.VAEDecodeTiled(samples=latent, vae=rgba_vae.rgb, **named)[0])


def test_a_batch_is_its_clips_one_after_the_other(rgba_vae, host_nodes):
    latents = torch.randn(2, 16, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    both, *alone = (
        host_nodes.RGBADecode(samples={"samples": latent}, rgba_vae=rgba_vae, tile_size=0)[0]
        for latent in (latents, latents[:1], latents[1:])
    )
    assert both.shape == (18, 32, 40, 4)
    torch.testing.assert_close(both, torch.cat(alone), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("bias", "warning"), [(9.0, "Alpha is opaque in 100.0%"), (-9.0, "Alpha is empty in 100.0%")])
def test_a_dead_alpha_puts_a_warning_on_the_node(base, files, models, host_nodes, samples, caplog, bias, warning):
    weights = base | {"decoder.head.2.bias": torch.full((3,), bias)}
    names = [models.save("vae", f"dead{bias}.safetensors", weights), "golden_wan_vae.safetensors"]
    dead, living = (host_nodes.VAELoader(vae_name=name)[0] for name in names)
    (joined,) = host_nodes.RGBAVAEFromPair(rgb_vae=living, alpha_vae=dead)
    host_nodes.RGBADecode(samples=samples, rgba_vae=joined, tile_size=0)
    assert warning in caplog.text and "Likely reasons" in caplog.text


def test_a_living_alpha_puts_no_warning_on_the_node(rgba_vae, host_nodes, samples, caplog):
    host_nodes.RGBADecode(samples=samples, rgba_vae=rgba_vae, tile_size=0)
    assert "Alpha is" not in caplog.text
