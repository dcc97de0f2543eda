#!/bin/sh
# Everything the app needs, into .venv beside run.py; of what was downloaded nothing else is kept.
# The Dockerfile runs this, and a test runs it in a clean folder.
set -eu
cd "$(dirname "$0")/.."
export PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
python3 run.py vop --help >/dev/null
