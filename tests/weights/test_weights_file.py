import argparse
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipelines.weights.weights_file import TensorInfo, read_shapes, read_weights, shapes_of

TABLE = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2, dtype=torch.bfloat16)}
SHAPES = {"layer.weight": TensorInfo((2, 3), "float32"), "layer.bias": TensorInfo((2,), "bfloat16")}


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("run_by_the_pickle",)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def saved(path: Path, content: object, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.fixture
def safetensors(tmp_path: Path) -> Path:
    save_file(TABLE, tmp_path / "good.safetensors", metadata={"made": "here"})
    return tmp_path / "good.safetensors"


def assert_holds_table(path: Path) -> None:
    weights = read_weights(path)
    assert weights.keys() == TABLE.keys()
    assert all(torch.equal(weights[name], TABLE[name]) for name in TABLE)
    assert read_shapes(path) == SHAPES


def test_safetensors_and_both_pickles_read_the_same(safetensors: Path, tmp_path: Path):
    assert_holds_table(safetensors)
    assert_holds_table(saved(tmp_path / "zip.bin", TABLE))
    assert_holds_table(saved(tmp_path / "legacy.bin", TABLE, zipped=False))


def test_content_decides_not_the_suffix(safetensors: Path, tmp_path: Path):
    assert_holds_table(safetensors.rename(tmp_path / "wan_alpha.safetensors.safetensors"))
    assert_holds_table(saved(tmp_path / "pickle.safetensors", TABLE))
    assert_holds_table(written(tmp_path / "decoder.bin", (tmp_path / "wan_alpha.safetensors.safetensors").read_bytes()))


def test_safetensors_with_a_header_that_looks_like_a_pickle_is_safetensors(tmp_path: Path):
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(0x280)  # 0x80 0x02 begins a pickle as well
    path = written(tmp_path / "a.safetensors", len(header).to_bytes(8, "little") + header + bytes(4))
    assert path.read_bytes().startswith(b"\x80\x02")
    assert torch.equal(read_weights(path)["a"], torch.zeros(1))


def test_parameters_come_as_tensors_without_gradient(tmp_path: Path):
    weight = read_weights(saved(tmp_path / "p.bin", {"a": torch.nn.Parameter(torch.ones(2))}))["a"]
    assert not weight.requires_grad
    assert torch.equal(weight, torch.ones(2))


def test_a_training_checkpoint_is_its_state_dict(tmp_path: Path):
    assert_holds_table(
        saved(tmp_path / "step_10.pt", {"state_dict": TABLE, "optimizer": {"lr": 1e-4}, "global_step": 10})
    )


def test_one_nameless_tensor_has_the_empty_name(tmp_path: Path):
    field = torch.rand(3, 4, 5)
    path = saved(tmp_path / "gauss_mask", field)
    assert read_shapes(path) == {"": TensorInfo((3, 4, 5), "float32")}
    (name, tensor), *others = read_weights(path).items()
    assert (name, others) == ("", []) and torch.equal(tensor, field)


def test_shapes_of_tensors_at_hand_are_those_of_the_file():
    assert shapes_of(TABLE) == SHAPES


@pytest.mark.parametrize("cut", [-1, -20])
def test_a_cut_off_safetensors_says_how_long_it_should_be(safetensors: Path, tmp_path: Path, cut: int):
    whole = safetensors.read_bytes()
    path = written(tmp_path / "cut.safetensors", whole[:cut])
    message = (
        rf"cut\.safetensors: .*it should have {len(whole)} bytes, it has {len(whole) + cut}\. The download broke off"
    )
    for read in (read_weights, read_shapes):
        with pytest.raises(ValueError, match=message):
            read(path)


def test_a_safetensors_cut_within_its_header_says_so(safetensors: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"should have at least \d+ bytes, it has 30"):
        read_weights(written(tmp_path / "cut.safetensors", safetensors.read_bytes()[:30]))


def test_a_safetensors_that_is_too_long_is_refused(safetensors: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="the file is damaged"):
        read_weights(written(tmp_path / "long.safetensors", safetensors.read_bytes() + b"x"))


@pytest.mark.parametrize("header", [b'{"a": nonsense', b'{"a": [1]}', b'{"a": {"dtype": "F32"}}'])
def test_a_damaged_safetensors_header_is_refused(tmp_path: Path, header: bytes):
    with pytest.raises(ValueError, match=r"bad\.safetensors: its safetensors header is damaged"):
        read_shapes(written(tmp_path / "bad.safetensors", len(header).to_bytes(8, "little") + header))


def test_a_safetensors_without_tensors_is_refused(tmp_path: Path):
    save_file({}, tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="this safetensors file holds no tensor"):
        read_weights(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"f\.safetensors: expected weights, the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", r"Git LFS pointer .*git lfs pull"),
        (b"<!DOCTYPE html><html>...", r"this is text that begins '<!DOCTYPE html><html>\.\.\.': a web page"),
        (b'{"error":"Access denied"}', r"this is text that begins '\{\"error\":\"Access denied\"\}'"),
        (b"Entry not found", r"this is text that begins 'Entry not found'"),
        (b"GGUF\x03\x00\x00\x00\x00", r"expected safetensors or a torch pickle, the first bytes are 47 47 55 46 03"),
    ],
)
def test_what_is_no_weights_file_is_named(tmp_path: Path, content: bytes, message: str):
    for read in (read_weights, read_shapes):
        with pytest.raises(ValueError, match=message):
            read(written(tmp_path / "f.safetensors", content))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"^decoder\.bin: there is no such file"):
        read_weights(tmp_path / "decoder.bin")
    with pytest.raises(ValueError, match="there is no such file"):
        read_weights(tmp_path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "evil.bin", {"a": RunsCode()}, zipped)
    with pytest.raises(
        ValueError, match=r"evil\.bin: .*mkdir: reading it would run code, so it was not opened.*safetensors"
    ):
        read_weights(path)
    assert not Path("run_by_the_pickle").exists()


def test_a_pickle_with_a_foreign_class_names_it(tmp_path: Path):
    with pytest.raises(ValueError, match=r"holds argparse\.Namespace: reading it would run code"):
        read_weights(saved(tmp_path / "ns.bin", {"a": argparse.Namespace(lr=1)}))


def test_a_plain_pickle_is_not_opened(tmp_path: Path):
    with pytest.raises(ValueError, match="it was not opened"):
        read_weights(written(tmp_path / "plain.pkl", pickle.dumps({"a": RunsCode()}, protocol=2)))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_cut_off_pickle_is_refused(tmp_path: Path, zipped: bool):
    whole = saved(tmp_path / "whole.bin", TABLE, zipped).read_bytes()
    with pytest.raises(
        ValueError, match=r"cut\.bin: expected a torch pickle of tensors, it could not be read .*broke off"
    ):
        read_weights(written(tmp_path / "cut.bin", whole[:-20]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(1)], "expected named tensors, this pickle holds a list"),
        ({}, "this pickle holds none"),
        ({"a": torch.ones(1), "epoch": 3}, "this pickle also has 'epoch': int"),
        ({0: torch.ones(1)}, "this pickle also has 0: Tensor"),
    ],
)
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, content: object, message: str):
    with pytest.raises(ValueError, match=rf"other\.bin: .*{message}"):
        read_weights(saved(tmp_path / "other.bin", content))


def test_a_huge_file_is_told_apart_without_reading_it(tmp_path: Path):
    size = 40 * 2**30
    header = f'{{"big":{{"dtype":"F8_E4M3","shape":[{size}],"data_offsets":[0,{size}]}}}}'.encode()
    path = written(tmp_path / "huge.safetensors", len(header).to_bytes(8, "little") + header)
    os.truncate(path, 8 + len(header) + size)
    assert read_shapes(path) == {"big": TensorInfo((size,), "float8_e4m3fn")}
