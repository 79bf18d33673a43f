from pathlib import Path

import torch
from safetensors.torch import save_file

from nodes.__main__ import main
from nodes.names import TAKEN_BY
from pipelines.weights.kinds.table import KINDS

CONV_IN = "diffusion_model.input_blocks.0.0.weight::diff::0"


def test_every_kind_of_file_has_a_place():
    assert TAKEN_BY.keys() == {kind.name for kind in KINDS}


def test_the_command_line_says_what_files_are(tmp_path: Path, dora_goldens, decoder_goldens, capsys):
    save_file(dora_goldens.under("dora/"), tmp_path / "t2v.safetensors")
    torch.save(decoder_goldens.under("lora/"), tmp_path / "decoder.bin")
    save_file({CONV_IN: torch.zeros(8, 8, 3, 3)}, tmp_path / "bg2ble.safetensors")
    assert main([str(tmp_path / name) for name in ("t2v.safetensors", "decoder.bin", "bg2ble.safetensors")]) == 0
    out = capsys.readouterr().out
    assert "t2v.safetensors: Wan-Alpha DoRA\n  30 tensors, bfloat16; rank 4, 10 layers" in out
    assert "Apply Wan-Alpha DoRA takes it as dora_name" in out
    assert "decoder.bin: Wan-Alpha decoder LoRA file\n  152 tensors, bfloat16; 38 RGB layers" in out
    assert "bg2ble.safetensors: LayerDiffuse condition file for SDXL\n  1 tensor, float32; 0 low-rank" in out
    assert "LayerDiffuse condition (SDXL) takes it as weights_name" in out


def test_the_command_line_fails_on_a_bad_file_and_goes_on(tmp_path: Path, capsys):
    (tmp_path / "empty.bin").touch()
    torch.save(torch.rand(2, 3, 4), tmp_path / "gauss_mask")
    assert main([str(tmp_path / "empty.bin"), str(tmp_path / "gauss_mask")]) == 1
    printed = capsys.readouterr()
    assert printed.err == "empty.bin: expected weights, the file is empty. Download it again.\n"
    assert "Wan-Alpha gauss_mask\n  1 tensor, float32; 2 latent frames of 3 x 4" in printed.out
