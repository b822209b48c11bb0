#!/usr/bin/env bash
# Installs the Debian packages named in debian-packages.txt beside this script, as root or by sudo.
set -euo pipefail

list=$(dirname "$(readlink -f "$0")")/debian-packages.txt
mapfile -t packages < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$list")
if [ ${#packages[@]} -eq 0 ]; then
    echo "no Debian packages needed"
    exit 0
fi

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"
