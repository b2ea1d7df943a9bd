#!/bin/sh
# Tests that need other programs: installs those that are missing (Debian, Ubuntu), then runs tests/system.
# Arguments go to pytest: tests/system/run.sh -k fish
set -eu
cd "$(dirname "$0")/../.."

missing=
for program in bash zsh fish; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ]; then
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing
fi

# pyproject.toml leaves tests/system out of a plain `pytest`; here it is what is meant.
exec "${PYTHON:-python}" -m pytest -o addopts=-q tests/system "$@"
