"""What the pack does to a host that does not use it: nothing, and it costs the start next to nothing."""

from __future__ import annotations

import re

import numpy as np
from queue_graphs import base, ellipses, file_name, keep, ksampler, loaded_modules, node, pictures, queue_of, shift

from tools import comfy_host
from tools import tiny_checkpoints as tiny

START_LIMIT_S = 0.3

NATIVE = {
    "native vae": node("VAELoader", vae_name=file_name(tiny.VAE)),
    "decode": node("VAEDecode", samples=["sample", 0], vae=["native vae", 0]),
    "save": node("SaveImage", images=["decode", 0], filename_prefix="native"),
}


def test_loading_the_pack_takes_the_host_less_than_a_third_of_a_second(server, run):
    """Seconds of computing, by the host's loader: busy or not. The first start after an install also compiles."""
    folder = server.base / "another_pack"
    folder.symlink_to(server.base / "custom_nodes" / comfy_host.PACK_NAME)
    first, again = run({"loading": node("QueueTestLoading", folder=str(folder))}).outputs["loading"]["seconds"]
    assert 0 < again <= first < START_LIMIT_S
    assert re.search(rf"[0-9.]+ seconds: .*{comfy_host.PACK_NAME}\n", server.log)  # at the start it loaded as well


def test_the_pack_loads_without_a_complaint(server):
    assert "IMPORT FAILED" not in server.log
    assert "Cannot import" not in server.log


def test_the_start_loads_no_module_but_the_packs_own(modules_at_start, plain_server):
    more = modules_at_start - loaded_modules(plain_server)
    assert [name for name in more if "custom_nodes" not in name] == []
    assert any(comfy_host.PACK_NAME in name for name in more)


def test_untouched_nodes_give_the_pixels_of_a_host_without_this_pack(run, plain_server):
    def native(seed):
        return (base(), ksampler("model", seed=seed), NATIVE)

    bare = [pictures(queue_of(plain_server)(*native(seed)).files) for seed in (1, 2)]
    before = pictures(run(*native(1)).files)
    run(base(), ellipses(), shift(0.3), ksampler(), keep("sample", "ours"))
    after = pictures(run(*native(2)).files)
    assert bare[0].shape == (9, 48, 64, 3)
    assert np.array_equal(before, bare[0])
    assert np.array_equal(after, bare[1])
