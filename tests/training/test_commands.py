"""The commands from the first clip to published files, on models of toy width."""

import io
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLMochi,
    AutoencoderKLWan,
    CogVideoXTransformer3DModel,
    MochiTransformer3DModel,
    WanTransformer3DModel,
)
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5EncoderModel, T5Tokenizer, UMT5Config, UMT5EncoderModel

from pipelines.lora.dora import read_dora
from pipelines.media.stills.png import encode
from pipelines.training.__main__ import COMMANDS, main
from pipelines.training.methods.rgba_vae import RGBAVAE, published
from pipelines.training.models.text_encoder import load_text_encoder
from pipelines.training.models.wan_models import load_vae
from pipelines.training.models.wan_names import dit_to_official, vae_to_official
from pipelines.training.published_file import write_published
from pipelines.training.settings import parse
from pipelines.transpixeler.families import WAN
from pipelines.transpixeler.rgba_lora import read_rgba_lora
from pipelines.wan_alpha.checkpoint import split_vae_weights
from pipelines.weights.weights_file import read_weights

TEXT = 16
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """A folder with a stock VAE, a text-to-video model, a text encoder, and two clips with captions."""
    folder = tmp_path_factory.mktemp("toys")
    torch.manual_seed(0)
    save_file(vae_to_official(AutoencoderKLWan(base_dim=4).state_dict()), folder / "vae.safetensors")
    sizes = {"num_attention_heads": 2, "attention_head_dim": 12}
    dit = WanTransformer3DModel(**sizes, text_dim=TEXT, freq_dim=16, ffn_dim=40, num_layers=1)
    header = {"config": json.dumps({"transformer": {"num_heads": 2}})}
    save_file(dit_to_official(dit.state_dict()), folder / "dit.safetensors", header)
    pieces = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["A red disc. A blue square. Gentle motion. The background is transparent."] * 3),
        model_writer=pieces, vocab_size=40, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False,
        minloglevel=2,
    )  # fmt: skip
    config = UMT5Config(
        vocab_size=40, d_model=TEXT, d_kv=8, d_ff=32, num_layers=1, num_heads=2, feed_forward_proj="gated-gelu"
    )
    state = {k: v for k, v in UMT5EncoderModel(config).state_dict().items() if not k.startswith("encoder.embed")}
    state["spiece_model"] = torch.frombuffer(bytearray(pieces.getvalue()), dtype=torch.uint8)
    save_file(state, folder / "text.safetensors")
    for name, red in (("disc", 200), ("square", 90)):
        clip = folder / "clips" / "rgb" / name
        clip.mkdir(parents=True)
        for number in range(6):
            levels = np.zeros((32, 48, 4), np.uint8)
            levels[8:24, 4 * number : 4 * number + 16] = red
            levels[8:24, 4 * number : 4 * number + 16, 3] = 255
            (clip / f"{number}.png").write_bytes(encode(levels))
    (folder / "clips" / "captions").mkdir()
    for name in ("disc", "square"):
        (folder / "clips" / "captions" / f"{name}.txt").write_text(f"A red {name}.\nmotion: gentle\n")
    return folder


def files(toys, *names):
    return [part for name in names for part in (f"--{name.replace('_', '-')}", str(toys / FILES[name]))]


FILES = {
    "clips": "clips",
    "vae": "vae.safetensors",
    "dit": "dit.safetensors",
    "text_encoder": "text.safetensors",
}
WINDOW = ["--frames", "5", "--height", "16", "--width", "16", "--rank", "2"]


def test_from_clips_to_a_vae_to_latents_to_a_dora(toys, tmp_path):
    vae = tmp_path / "Wan-Alpha-VAE.bin"
    tabd = [*files(toys, "dit", "text_encoder"), "--tabd", "bounded"]
    short = ["--steps", "2", "--sample-every", "2"]
    train_vae = ["vae", *files(toys, "clips", "vae"), *WINDOW, *tabd, *short]
    assert main([*train_vae, "--run", str(tmp_path / "vae"), "--out", str(vae)]) == 0
    parts = split_vae_weights(read_weights(vae))
    assert parts.decoders is not None and parts.merge_block is not None
    assert (tmp_path / "vae" / "samples" / "step-00000002-clip-and-again.png").is_file()

    latents = ["--cache", str(tmp_path / "cache"), "--weights", str(vae)]
    cache = ["cache", *files(toys, "clips", "vae", "text_encoder"), *latents, "--area", str(32 * 48), "--frames", "5"]
    assert main([*cache, "--device", "cpu", "--variants", "2"]) == 0
    items = [load_file(path) for path in sorted((tmp_path / "cache").iterdir())]
    assert len(items) == 4
    assert {name: tensor.shape for name, tensor in items[0].items()} == {
        "latent": (16, 2, 4, 6),
        "subject": (2, 4, 6),
        "context": (512, TEXT),
    }

    dora = tmp_path / "t2v.safetensors"
    train_dora = ["dora", *files(toys, "dit", "vae"), *latents, *short, "--batch", "2", "--rank", "3"]
    assert main([*train_dora, "--run", str(tmp_path / "dora"), "--out", str(dora), "--out-dtype", "bfloat16"]) == 0
    layers = read_dora(read_weights(dora))
    assert len(layers) == 10
    assert layers["blocks.0.self_attn.q"].low_rank.up.dtype == torch.bfloat16
    assert (tmp_path / "dora" / "samples" / "step-00000002-sample.png").is_file()


def test_from_clips_to_a_transpixeler_of_wan(toys, tmp_path):
    family = ["--family", "wan", "--cache", str(tmp_path / "cache")]
    cache = ["cache-joint", *family, *files(toys, "clips", "vae", "text_encoder"), "--area", str(32 * 48)]
    assert main([*cache, "--frames", "5", "--device", "cpu"]) == 0
    run = ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "wan.safetensors"), "--steps", "2"]
    train = ["transpixeler", *family, *files(toys, "dit", "vae"), *run, "--batch", "2", "--rank", "3"]
    assert main([*train, "--sample-every", "2"]) == 0
    lora = read_rgba_lora(read_weights(tmp_path / "wan.safetensors"))
    assert (lora.family, len(lora.layers)) == (WAN, 7)
    assert (tmp_path / "run" / "samples" / "step-00000002-sample.png").is_file()


@pytest.fixture(scope="module")
def pipelines(toys):
    """Folders of CogVideoX and Mochi in diffusers' layout, by family."""
    folder = toys / "pipelines"
    folder.mkdir()
    torch.manual_seed(0)
    text = {"vocab_size": 40, "d_model": TEXT, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    weights = load_file(toys / "text.safetensors")
    (folder / "spiece.model").write_bytes(weights["spiece_model"].numpy().tobytes())
    for family in ("cogvideox", "mochi"):
        T5EncoderModel(T5Config(**text, feed_forward_proj="gated-gelu")).save_pretrained(
            folder / family / "text_encoder"
        )
        T5Tokenizer.from_pretrained(folder, extra_ids=0).save_pretrained(folder / family / "tokenizer")
    AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8), latent_channels=16, layers_per_block=1, norm_num_groups=2
    ).save_pretrained(folder / "cogvideox" / "vae")
    CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, text_embed_dim=TEXT, time_embed_dim=8, num_layers=1,
        use_rotary_positional_embeddings=True,
    ).save_pretrained(folder / "cogvideox" / "transformer")  # fmt: skip
    widths = (32, 32, 32, 32)
    AutoencoderKLMochi(
        encoder_block_out_channels=widths, decoder_block_out_channels=widths, layers_per_block=(1, 1, 1, 1, 1)
    ).save_pretrained(folder / "mochi" / "vae")
    MochiTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, num_layers=2, pooled_projection_dim=16, text_embed_dim=TEXT
    ).save_pretrained(folder / "mochi" / "transformer")
    return folder


@pytest.mark.parametrize(("family", "frames"), [("cogvideox", 2), ("mochi", 1)])
def test_from_clips_to_a_transpixeler_of_a_diffusers_folder(toys, pipelines, tmp_path, family, frames):
    where = ["--family", family, "--model", str(pipelines / family), "--cache", str(tmp_path / "cache")]
    (tmp_path / "walls").mkdir()
    (tmp_path / "walls" / "a.png").write_bytes(encode(np.full((20, 20, 3), 60, np.uint8)))
    looks = ["--backgrounds", str(tmp_path / "walls"), "--decontaminate", "levels"]
    cache = ["cache-joint", *where, *files(toys, "clips"), *looks, "--area", str(32 * 48), "--frames", "6"]
    assert main([*cache, "--device", "cpu"]) == 0
    item = load_file(next((tmp_path / "cache").iterdir()))
    assert item["rgb"].shape == item["alpha"].shape == (12 if family == "mochi" else 16, frames, 4, 6)
    run = ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "lora.safetensors"), "--steps", "2"]
    assert main(["transpixeler", *where, *run, "--rank", "3", "--dtype", "float32", "--sample-every", "2"]) == 0
    lora = read_rgba_lora(read_weights(tmp_path / "lora.safetensors"))
    assert lora.family.name == family
    assert (tmp_path / "run" / "samples" / "step-00000002-sample.png").is_file()


@pytest.fixture(scope="module")
def cached(toys, tmp_path_factory):
    """Latents for the DoRA, of a VAE that has not been trained."""
    folder = tmp_path_factory.mktemp("cached")
    base = load_vae(toys / "vae.safetensors")
    trained = {name: tensor for name, tensor in RGBAVAE(base, rank=2).named_parameters() if tensor.requires_grad}
    write_published(folder / "untrained.bin", published(trained))
    command = ["cache", *files(toys, "clips", "vae", "text_encoder"), "--weights", str(folder / "untrained.bin")]
    sizes = ["--cache", str(folder / "cache"), "--area", str(32 * 48), "--frames", "5"]
    assert main([*command, *sizes, "--variants", "2", "--device", "cpu"]) == 0
    return folder / "cache"


def dora(toys, cached, folder, *more):
    """A command line; its result is FOLDER/t2v.safetensors."""
    where = ["--cache", str(cached), "--run", str(folder / "run"), "--out", str(folder / "t2v.safetensors")]
    return ["dora", *files(toys, "dit"), *where, "--dit-dtype", "float32", "--rank", "3", *more]


@pytest.mark.parametrize("precision", ["no", "bf16", "fp16"])
def test_a_stopped_training_goes_on_to_the_same_file(toys, cached, tmp_path, precision):
    def run(name, steps):
        assert main(dora(toys, cached, tmp_path / name, "--steps", steps, "--precision", precision)) == 0

    run("whole", "4")
    run("parts", "2")
    run("parts", "4")
    whole, parts = (tmp_path / name / "t2v.safetensors" for name in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()


def test_two_processes_train_the_same_as_one_with_twice_the_batch(toys, cached, tmp_path):
    assert main(dora(toys, cached, tmp_path / "one", "--steps", "3", "--batch", "2")) == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    command = [sys.executable, "-m", "pipelines.training", *dora(toys, cached, tmp_path / "two", "--steps", "3")]
    started = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]
    assert [process.wait(timeout=300) for process in started] == [0, 0]
    one, two = (load_file(tmp_path / name / "t2v.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6


def test_a_family_without_its_files_says_which_it_wants(toys, tmp_path, capsys):
    command = ["cache-joint", "--family", "mochi", "--cache", str(tmp_path), *files(toys, "clips")]
    assert main(command) == 1
    assert "this family also wants --model" in capsys.readouterr().err


def test_a_toml_file_says_the_same_and_the_command_line_goes_before_it(toys, tmp_path):
    for name in ("a", "b"):
        config = tmp_path / f"{name}.toml"
        config.write_text(
            f'clips = "{toys / "clips"}"\nvae = "{toys / "vae.safetensors"}"\nrun = "run-{name}"\nout = "{name}.bin"\n'
            f"frames = 5\nheight = 16\nwidth = 16\nrank = 2\nrate = 1e-3\nsteps = {2 if name == 'a' else 9}\n"
        )
    assert main(["vae", str(tmp_path / "a.toml")]) == 0
    assert main(["vae", str(tmp_path / "b.toml"), "--steps", "2"]) == 0
    first, second = (read_weights(tmp_path / f"{name}.bin") for name in ("a", "b"))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ranc = 3", "there are no settings ranc"),
        ('rank = "three"', "rank wants int, got 'three'"),
        ("resume = 1", "resume wants bool, got 1"),
        ('tabd = "strong"', "tabd is one of none, released, paper, bounded"),
        ("rank = ", "expected TOML"),
        ("rank = 3", "vae also wants run, out, steps, clips, vae"),
    ],
)
def test_wrong_settings_are_refused_with_what_they_should_be(tmp_path, capsys, line, complaint):
    (tmp_path / "config.toml").write_text(line)
    assert main(["vae", str(tmp_path / "config.toml")]) == 1
    assert complaint in capsys.readouterr().err


def test_a_broken_clip_stops_or_is_skipped_as_configured(toys, tmp_path, capsys):
    clips = tmp_path / "clips.csv"
    clips.write_text(f"rgb\n{toys / 'clips' / 'rgb' / 'disc'}\nbroken.mp4\n")
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    command = ["vae", *files(toys, "vae"), "--clips", str(clips), *WINDOW, "--steps", "4"]
    command += ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "out.bin")]
    assert main(command) == 1
    assert "broken: A video was expected, broken.mp4 is none" in capsys.readouterr().err
    assert main([*command, "--broken", "skip"]) == 0
    assert "skipped: broken: " in capsys.readouterr().err


def test_the_text_encoder_gives_512_rows_that_are_zero_behind_the_text(toys):
    encoder = load_text_encoder(toys / "text.safetensors")
    one, two = encoder(["A red disc.", ""])
    count = len(encoder.pieces.encode("A red disc."))
    assert one.shape == (512, TEXT)
    assert (one[:count].abs().sum(1) > 0).all() and (one[count:] == 0).all()
    assert (two[:1].abs().sum(1) > 0).all() and (two[1:] == 0).all()


def test_no_command_says_which_there_are(capsys):
    assert main([]) == 2
    assert "dora" in capsys.readouterr().err


@pytest.mark.parametrize(
    "recipe", sorted((ROOT / "pipelines" / "training" / "recipes").glob("*.toml")), ids=lambda r: r.stem
)
def test_a_recipe_is_made_of_settings_and_its_first_lines_say_how_to_run_it(recipe):
    said = re.search(r"pipelines\.training (\w+) " + recipe.name + r"((?: --[\w-]+ \S+)+)", recipe.read_text())
    command, files_ = said[1], said[2].split()
    settings = parse(COMMANDS[command], command, [str(recipe), *files_])
    assert settings.run == recipe.parent / "runs" / recipe.stem.replace("_", "-")
    for line in re.findall(r"pipelines\.training (cache[\w-]*)((?:[ \\\n#]+--[\w-]+ \S+)+)", recipe.read_text()):
        parse(COMMANDS[line[0]], line[0], line[1].replace("\\\n#", " ").split())
