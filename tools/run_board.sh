#!/bin/sh
# Attack the models of leaderboard/models.toml on a machine with an NVIDIA GPU, and add an entry for each:
#
#   tools/run_board.sh [small|standard] [further options of `irbench board run`]
#
# The first run makes a virtual environment, .board. A run that was stopped continues with the same command.
set -eu
cd "$(dirname "$0")/.."
tasks=${1:-standard}
[ $# -eq 0 ] || shift
if [ ! -x .board/bin/irbench ]; then
    python3 -m venv .board
    .board/bin/pip install --quiet '.[offline]'
fi
exec .board/bin/irbench board run --tasks "$tasks" --device cuda --dtype bfloat16 "$@"
