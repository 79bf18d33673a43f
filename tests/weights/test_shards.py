import pytest

from pipelines.weights.weights_file import shards_of


def test_a_whole_checkpoint_is_itself(tmp_path):
    path = tmp_path / "cogvideox_5b-bf16.safetensors"
    assert shards_of(path) == [path]


@pytest.mark.parametrize("chosen", [0, 1])
def test_any_shard_stands_for_all_in_order(tmp_path, chosen):
    files = [tmp_path / f"diffusion_pytorch_model-{k:05}-of-00002.safetensors" for k in (1, 2)]
    for file in files:
        file.touch()
    assert shards_of(files[chosen]) == files


def test_missing_shards_are_named(tmp_path):
    path = tmp_path / "model-00002-of-00003.safetensors"
    path.touch()
    with pytest.raises(ValueError, match=r"one of 3 files; put model-00001-of-00003.* model-00003-of-00003.*beside it"):
        shards_of(path)
