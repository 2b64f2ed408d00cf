#!/bin/sh
# As root on Debian: install the Debian packages that the tests use, those that are missing. Elsewhere tests that need
# one are skipped with their reason.
set -eu
command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || exit 0
missing=$(while read -r package; do dpkg -s "$package" >/dev/null 2>&1 || echo "$package"; done <"$(dirname "$0")/debian-packages.txt")
[ -n "$missing" ] || exit 0
echo "installing Debian packages: $(echo $missing)"
apt-get update -qq
# shellcheck disable=SC2086  # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
