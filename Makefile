# Each target sets up what it needs by itself: a real ComfyUI in the user's cache folder (see tools/comfy_host).
PYTHON ?= python3
PROMPT ?= A glowing red ball drifts to the right.
CACHE  := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rgba-video
BEGAN  := $(shell date +%s)

HOST = $(PYTHON) tools/comfy_host
HOST_PYTHON = "$$($(HOST) where --python)"
HOST_ROOT = "$$($(HOST) where --root)"

.PHONY: demo demo-models test test-long fuzz-readers check bench long-clips gpu host programs

# A typed prompt and a drawn ellipse through the v2 graph: RGBA frames in demo/output/.
demo: export DESCRIPTION := $(PROMPT)
demo: host
	$(HOST) run demo/graph_api.json --models demo/models --output demo/output --set "prompt.description=$$DESCRIPTION"

# The demo's models, from drawn clips alone, in a day on two cores, half of it on such that know bf16 (RECIPE="--precision
# bf16 --compile"), or minutes on a GPU; stopped, it goes on from its last checkpoint. BASE=demo/models keeps the base models
# that ship and trains the RGBA VAE, the DoRA and TransPixeler's LoRA on them, in hours.
demo-models: host
	$(HOST_PYTHON) -m demo.recipe "$(CACHE)/demo-models$(if $(BASE),-on-base)" $(addprefix --base ,$(BASE)) $(RECIPE) --publish demo/models

# The pure rooms, the nodes inside a host, graphs through its queue, the web UI. Tiny models compute for less time than
# threads wait for each other, so there is one; two processes go through the files of each part, but for what is timed.
TEST  = $(HOST_PYTHON) -m pytest
PAIR  = -n 2 --dist loadfile
test: export OMP_NUM_THREADS = 1
test: programs check
	$(TEST) $(PAIR)
	python=$(HOST_PYTHON); cd tests/host/inside && "$$python" -m pytest -o pythonpath= . $(PAIR) -m 'not long'
	$(TEST) tests/host/queue $(PAIR)
	$(TEST) tests/browser $(PAIR) -m 'not timed'
	$(TEST) tests/browser -m timed
	@echo "make test took $$(($$(date +%s) - $(BEGAN))) s in all"

# Every node in every order with TorchCompileModel: a quarter of an hour of compiling.
test-long: export OMP_NUM_THREADS = 1
test-long: host
	python=$(HOST_PYTHON); cd tests/host/inside && "$$python" -m pytest -o pythonpath= . $(PAIR) -m long

# 40,000 damaged files of every format that is read, in two minutes: none may end in more than an error that names it.
fuzz-readers: export OMP_NUM_THREADS = 1
fuzz-readers: host
	$(HOST_PYTHON) -m tools.fuzz_readers $(FUZZ)

check: host
	@command -v npm >/dev/null || { echo "the web checks want Node.js 20 or newer: apt-get install nodejs npm"; exit 1; }
	$(HOST_PYTHON) -m ruff check .
	$(HOST_PYTHON) -m ruff format --check .
	$(HOST_PYTHON) -m tools.import_table
	PYTHONPATH=$(HOST_ROOT) $(HOST_PYTHON) -m pyright --pythonpath $(HOST_PYTHON)
	npm run --silent check
	npm run --silent test

# Ratios against the host's own nodes, measured in one run.
bench: export OMP_NUM_THREADS = 1
bench: host programs
	$(HOST_PYTHON) benchmarks/wan_alpha.py
	$(HOST_PYTHON) benchmarks/transpixeler.py
	$(HOST_PYTHON) benchmarks/alpha_work.py
	$(TEST) tests/browser -m timed -s
	$(HOST_PYTHON) benchmarks/delivery.py

# 300 frames of 1920 x 1080 through a graph of four clips, each larger than memory allows; 40 GB of disk, ten minutes.
long-clips: export OMP_NUM_THREADS = 1
long-clips: host
	$(HOST_PYTHON) benchmarks/long_clips.py

# Every node on a GPU against the CPU, then time and memory at full size; says so where there is no CUDA. GPU holds its
# options: GPU="--device cpu --small" tests the command itself, GPU="--out benchmarks/results/gpu.json" keeps the figures.
gpu: host
	$(HOST_PYTHON) benchmarks/gpu $(GPU)

host:
	@began=$$(date +%s); $(HOST) install; echo "ComfyUI ready after $$(($$(date +%s) - began)) s"

programs:
	@lacks() { ! command -v "$$1" >/dev/null; }; wanted=; \
	lacks npm && wanted="nodejs npm"; \
	lacks ffprobe && wanted="$$wanted ffmpeg"; \
	lacks exrheader && wanted="$$wanted openexr"; \
	lacks chromium && lacks chromium-browser && lacks google-chrome && wanted="$$wanted chromium"; \
	[ -z "$$wanted" ] || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy $$wanted; } || \
		{ echo "the tests want $$wanted: apt-get install them (Node.js 20 or newer)"; exit 1; }
