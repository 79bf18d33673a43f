import pytest
import torch
from torch import Tensor, nn

from pipelines.wan_alpha.latent_stats import normalise
from pipelines.wan_alpha.merge_block import MergeBlock, attend_in_frame, build_merge_block, read_merge_block

CLIPS = ("t1", "t6", "t9")


@pytest.fixture
def state(encoder_goldens) -> dict[str, Tensor]:
    state = read_merge_block({name: tensor.float() for name, tensor in encoder_goldens.under("merge/").items()})
    assert state is not None
    return state


def features_of(goldens, clip: str) -> Tensor:
    return torch.cat([goldens[f"{clip}/feat_fgr"], goldens[f"{clip}/feat_alpha"]]).unsqueeze(0)


@pytest.mark.parametrize("clip", CLIPS)
@torch.no_grad()
def test_the_merged_latent_matches_the_reference(encoder_goldens, state, clip: str):
    raw = build_merge_block(state)(features_of(encoder_goldens, clip))
    torch.testing.assert_close(raw[0], encoder_goldens[f"{clip}/merged_raw"], rtol=0, atol=1e-5)
    torch.testing.assert_close(normalise(raw)[0], encoder_goldens[f"{clip}/latent"], rtol=0, atol=1e-5)


@torch.no_grad()
def test_later_frames_never_change_earlier_ones(encoder_goldens, state):
    block, features = build_merge_block(state), features_of(encoder_goldens, "t9")
    torch.testing.assert_close(block(features)[:, :, :2], block(features[:, :, :2]), rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_batch_is_its_clips_one_by_one(encoder_goldens, state):
    block, features = build_merge_block(state), features_of(encoder_goldens, "t9")
    batch = torch.cat([features, features.flip(-1)])
    torch.testing.assert_close(block(batch), torch.cat([block(clip[None]) for clip in batch]), rtol=0, atol=1e-5)


def test_key_names_are_the_files_without_its_prefix(encoder_goldens, state):
    names = {f"middle.block.{name}" for name in build_merge_block(state).state_dict()}
    assert names == encoder_goldens.under("merge/").keys()
    assert len(names) == 33


def test_the_released_block_has_as_many_parameters_as_reported():
    with torch.device("meta"):
        block = MergeBlock(768, 384, 16)
    assert sum(parameter.numel() for parameter in block.parameters()) == 25_537_552


def test_attention_is_a_softmax_over_the_places_of_a_frame():
    query, key, value = torch.randn(3, 2, 6, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scores = torch.einsum("ncp,ncq->npq", query.flatten(2), key.flatten(2)) / 6**0.5
    expected = torch.einsum("npq,ncq->ncp", scores.softmax(-1), value.flatten(2)).reshape(query.shape)
    torch.testing.assert_close(attend_in_frame(query, key, value), expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_operations_and_attention_are_taken_from_the_caller(encoder_goldens, state):
    seen: list[tuple[int, ...]] = []

    class Conv2d(nn.Conv2d):
        pass

    class Conv3d(nn.Conv3d):
        pass

    class Operations:
        pass

    Operations.Conv2d, Operations.Conv3d = Conv2d, Conv3d

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        seen.append(tuple(query.shape))
        return attend_in_frame(query, key, value)

    block = build_merge_block(state, Operations, attend)
    raw = block(features_of(encoder_goldens, "t9"))
    torch.testing.assert_close(raw[0], encoder_goldens["t9/merged_raw"], rtol=0, atol=1e-5)
    assert seen == [(1, 16, 4, 5)] * 6  # three frames, two attentions
    convolutions = [module for module in block.modules() if isinstance(module, (nn.Conv2d, nn.Conv3d))]
    assert {type(module) for module in convolutions} == {Conv2d, Conv3d}


def test_the_block_has_the_files_dtype_and_a_copy_of_its_weights(encoder_goldens):
    state = read_merge_block(encoder_goldens.under("merge/"))
    assert state is not None
    block = build_merge_block(state)
    assert {parameter.dtype for parameter in block.parameters()} == {torch.bfloat16}
    assert block.conv1.weight.data_ptr() != state["conv1.weight"].data_ptr()


def test_inputs_are_left_alone(encoder_goldens, state):
    features = features_of(encoder_goldens, "t1")
    before = features.clone()
    build_merge_block(state)(features)
    assert torch.equal(features, before)


def test_gradients_reach_every_parameter(encoder_goldens, state):
    block = build_merge_block(state)
    block(features_of(encoder_goldens, "t9")).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in block.parameters())


def test_a_file_without_a_merge_block_gives_none(decoder_goldens):
    assert read_merge_block(decoder_goldens.under("lora/")) is None


def test_missing_unknown_and_misshapen_tensors_are_listed(state):
    del state["middle.0.residual.2.bias"]
    state |= {"surprise": torch.ones(1), "head.0.gamma": torch.ones(3, 1, 1, 1)}
    message = r"missing: middle\.0\.residual\.2\.bias; unknown: surprise; of the wrong shape: head\.0\.gamma"
    with pytest.raises(ValueError, match=message):
        build_merge_block(state)


def test_a_state_without_its_first_layer_is_refused(state):
    del state["conv1.weight"]
    with pytest.raises(ValueError, match=r"expected a merge block's conv1\.weight and head\.2\.weight, got"):
        build_merge_block(state)
