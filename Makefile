# Two commands on a fresh machine: `make demo` shows the whole story, `make test` proves it.
# Both make .venv and install what they need, at the versions in constraints.txt.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test test-all sweep zoo trained devices arm64 bare lint bench chains-bench peers-bench wheel wheelhouse offline versions runtimes clean

help:  ## what can be made
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "edgemm needs Python 3.10 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) "pip>=24"
	touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) -e ".[all]"
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) torch==2.13.0 -e ".[all,torch,dev]"
	touch $@

demo: $(VENV)/.demo  ## convert four models to int8, run them on films, pictures and speech, chain them, make pictures, judge, write a report page
	$(BIN)/edgemm demo --output out/demo

# Two at a time, one thread each, where a test needs nothing but a processor; alone where it keeps time, or has a camera,
# a sound card or signals.
SIDE_BY_SIDE := $(wildcard $(addprefix tests/,artifact audio_models backends benchmarks card converters data delegates \
	differential chain drawing filters foreign judge model preprocess quantize spikes tasks $(addprefix soak/test_, \
	aware_kernels_soak.py command_line.py detections.py foreign_cards.py fused_nodes.py killed_trainings.py mutants.py \
	mutated_sources.py pruned_graphs.py pruned_modules.py tflite_sources.py vision.py) \
	app/test_secrets.py capture/test_jpeg_decoder.py capture/files/test_picture_size.py capture/files/test_wav.py \
	capture/live/test_jpeg_parts.py recorder/test_sample_clock.py $(addprefix device/test_,assets.py atomic.py \
	dependency.py exit_guard.py little_memory.py memory.py onnx_runtime.py redaction.py) \
	$(addprefix sinks/test_,directory.py grid.py video.py))) $(filter-out \
	%/test_demo_devices.py %/test_signals.py %/test_examples.py,$(wildcard tests/cli/test_*.py tests/test_*.py))
# The longest go first, so that no worker is alone with one in the end.
LONG := $(filter %/test_demo.py %/test_smaller_examples.py %/test_shrink.py %/test_shrink_sources.py %/test_collection.py \
	%/test_survey.py %/test_killed_trainings.py %/test_mutated_sources.py tests/differential tests/quantize,$(SIDE_BY_SIDE))
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

test: $(VENV)/.test lint  ## everything that must hold, some 20 minutes
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
		-m "not network and not shared and not devices" $(LONG) $(filter-out $(LONG),$(SIDE_BY_SIDE))
	$(BIN)/python -m pytest -m "not network and not shared and not devices" $(addprefix --ignore=,$(SIDE_BY_SIDE))

test-all: $(VENV)/.test lint  ## also the tests that need models and data named by EDGEMM_SHARED
	$(BIN)/python -m pytest -m "not devices"

# Besides the soaks, whose part in `make test` is named in them: what asks tests/rigs/sweep.py.
SWEPT := $(filter-out tests/soak/%,$(shell grep -rlE '^from sweep import' --include='test_*.py' tests))

# One recipe, not prerequisites: what it takes is said first, and a part that misses a limit does not keep the next from running.
# Plain `make`: a line with the variable MAKE would run under `make -n` too.
sweep: $(VENV)/.test  ## everything long: the zoo, trained networks, 500 seeded conversions, the soaks; FLAGS=--all for all conversions
	@echo "make sweep, one after another, on two cores:"
	@echo "  zoo       a second environment as large as .venv (1.8 GB), then 11 minutes of conversions and more"
	@echo "  trained   about half an hour on busy cores; needs EDGEMM_SHARED or ../shared, skipped without"
	@echo "  500 conversions held against their sources, 3 minutes; then the soaks of tests/soak, the longest part"
	@echo "The first two go on where they were stopped: rows.jsonl in out/zoo and out/trained has what is done; delete it to"
	@echo "measure again. Their tables are benchmarks/zoo/table.md and benchmarks/zoo/trained.md."
	@missed=; \
	make zoo || missed="$$missed zoo"; \
	make trained || missed="$$missed trained"; \
	$(BIN)/python -m tests.differential --points 500 --seed 0 --jobs 2 $(FLAGS) || missed="$$missed conversions"; \
	EDGEMM_SWEEP=1 $(BIN)/python -m pytest tests/soak $(SWEPT) || missed="$$missed soaks"; \
	test -z "$$missed" || { echo "make sweep: missed:$$missed"; exit 1; }

.venv-zoo/.made: $(VENV)/.test
	$(PYTHON) -m venv .venv-zoo
	.venv-zoo/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0 onnx onnxscript \
		transformers==5.24.0 safetensors pyyaml pillow huggingface-hub
	.venv-zoo/bin/python -m pip install --quiet --disable-pip-version-check --no-deps timm==1.0.31
	touch $@

zoo: .venv-zoo/.made  ## forty networks of timm, transformers and PyTorch, both exporters, converted to both formats; hours
	OMP_NUM_THREADS=1 .venv-zoo/bin/python -m benchmarks.zoo.export --out out/zoo
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.zoo.measure out/zoo; \
	code=$$?; cp out/zoo/table.md benchmarks/zoo/table.md; exit $$code

trained: $(VENV)/.test  ## networks that people trained, in both formats, by the measure of their task; needs EDGEMM_SHARED, half an hour
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.zoo.trained --out out/trained --table benchmarks/zoo/trained.md

devices: $(VENV)/.test  ## cameras and sound cards of the kernel's own making, in an emulated machine
	scripts/devices

arm64: wheel $(VENV)/.demo  ## the wheel on emulated Raspberry Pis, compared with this machine; needs root, qemu-user-static and mmdebstrap
	scripts/arm64

bare:  ## both commands in a Debian root that has git, make and python3-venv alone: needs root and mmdebstrap
	scripts/bare

lint: $(VENV)/.test  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.test  ## speed and size, as ratios taken in one run
	$(PIP) torch-pruning
	$(BIN)/python -m benchmarks

# MediaPipe 0.10.14 runs on Python 3.9 to 3.12; python3.11 where it is there.
MEDIAPIPE_PYTHON ?= $(firstword $(wildcard $(addsuffix /python3.11,$(subst :, ,$(PATH)))) $(PYTHON))

.venv-mediapipe/.made:
	$(MEDIAPIPE_PYTHON) -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 13) and "MediaPipe 0.10.14 needs Python 3.9 to 3.12: make chains-bench MEDIAPIPE_PYTHON=...")'
	$(MEDIAPIPE_PYTHON) -m venv .venv-mediapipe
	.venv-mediapipe/bin/python -m pip install --quiet --disable-pip-version-check mediapipe==0.10.14 "numpy<2"
	touch $@

chains-bench: $(VENV)/.test .venv-mediapipe/.made  ## chains of faces and bodies against MediaPipe's own; needs EDGEMM_SHARED, four minutes
	OMP_NUM_THREADS=1 EDGEMM_MEDIAPIPE=.venv-mediapipe/bin/python $(BIN)/python -m benchmarks chains

# litert-torch chooses its own PyTorch; timm goes beside it without torchvision.
.venv-peers/.made:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check "litert-torch==0.10.*" "ai-edge-quantizer==0.10.*" \
		onnx onnxscript onnxruntime safetensors pyyaml pillow huggingface-hub
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps timm==1.0.31
	touch $@

peers-bench: $(VENV)/.test .venv-peers/.made  ## fourteen architectures against litert-torch, ai-edge-quantizer and onnxruntime's quantizer; an hour
	OMP_NUM_THREADS=1 .venv-peers/bin/python -m benchmarks.peers.export --out out/peers
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.peers.measure out/peers; \
	code=$$?; cp out/peers/table.md benchmarks/peers/table.md; exit $$code

wheel: $(VENV)/.made  ## dist/edgemm-*.whl
	$(PIP) build
	$(BIN)/python -m build --wheel --outdir dist .

offline: wheelhouse  ## a fresh environment from the wheelhouse alone, and the demo in it
	scripts/offline

wheelhouse: wheel  ## wheelhouse/: all that `pip install --no-index` needs on a machine without a network
	$(BIN)/python -m pip download --quiet --disable-pip-version-check -c constraints.txt \
		--only-binary :all: --dest wheelhouse "$$(ls -t dist/edgemm-*.whl | head -1)[all]"

versions: wheel  ## the wheel on each Python that is here, and at the lowest versions allowed
	scripts/versions

runtimes: $(VENV)/.test  ## the artifacts in plain runtimes, oldest and newest
	scripts/runtimes

clean:  ## remove what was built
	rm -rf $(VENV) .venv-* build dist wheelhouse out *.egg-info
