#!/bin/sh
# Tests that need other programs: installs those that are missing (Debian, Ubuntu), then runs tests/system.
# Arguments go to pytest: tests/system/run.sh -k fish
set -eu
cd "$(dirname "$0")/../.."

missing=
for program in bash zsh fish groff; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
command -v man >/dev/null || missing="$missing man-db"
command -v chromium >/dev/null || missing="$missing chromium"
[ -n "$(fc-list :lang=ja 2>/dev/null)" ] || missing="$missing fontconfig fonts-noto-cjk"
if [ -n "$missing" ]; then
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing
fi
python="${PYTHON:-python}"
"$python" -c 'import playwright' 2>/dev/null || "$python" -m pip install --quiet playwright

# pyproject.toml leaves tests/system out of a plain `pytest`; here it is what is meant.
exec "$python" -m pytest -o addopts=-q tests/system "$@"
