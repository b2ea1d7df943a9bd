#!/bin/sh
# Tests that need other programs: installs those that are missing (Debian, Ubuntu), then runs tests/system.
# Arguments go to pytest: tests/system/run.sh -k fish
set -eu
cd "$(dirname "$0")/../.."

missing=
for program in bash zsh fish groff parallel; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
command -v man >/dev/null || missing="$missing man-db"
command -v chromium >/dev/null || missing="$missing chromium"
[ -n "$(fc-list :lang=ja 2>/dev/null)" ] || missing="$missing fontconfig fonts-noto-cjk"
command -v java >/dev/null || missing="$missing default-jre-headless"
if [ -n "$missing" ]; then
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing
fi
python="${PYTHON:-python}"
"$python" -c 'import playwright' 2>/dev/null || "$python" -m pip install --quiet playwright
# s3fs wants the fsspec of its own version, and boto3 the botocore of its own; s3fs goes back to an older python-dateutil.
version() { "$python" -c "import $1; print($1.__version__)"; }
"$python" -c 'import s3fs' 2>/dev/null || "$python" -m pip install --quiet "s3fs==$(version fsspec)" 'aiobotocore>=3'
"$python" -c 'import moto' 2>/dev/null || "$python" -m pip install --quiet "boto3==$(version botocore)" 'moto[server]>=5'
"$python" -c 'import pyspark, pandas, pyarrow' 2>/dev/null || "$python" -m pip install --quiet 'pyspark>=4' 'pandas<3' pyarrow

# pyproject.toml leaves tests/system out of a plain `pytest`; here it is what is meant.
exec "$python" -m pytest -o addopts=-q tests/system "$@"
