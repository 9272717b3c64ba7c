#!/usr/bin/env bash
# Brings the Debian packages that a target needs: `packages.sh run` or `packages.sh test`.
# With root or sudo it installs what is missing; without, it says in one sentence what is missing
# and what is skipped for it, and goes on. It fails only for what nothing can start without: Python
# and its venv.
set -euo pipefail

python=${PYTHON:-python3}

is_there() {
  case $1 in
    python3) command -v "$python" ;;
    python3-venv) "$python" -c 'import ensurepip, venv' ;;
    chromium) command -v chromium || command -v chromium-browser ;;
    gcc) command -v gcc ;;
    libc6-dev) test -e /usr/include/stdio.h ;;
    iproute2) command -v ip && command -v tc ;;
    nftables) command -v nft ;;
    nginx-light) command -v nginx ;;
  esac
} >/dev/null 2>&1

skipped_without() {
  case $1 in
    python3 | python3-venv) echo "everything" ;;
    chromium) echo "the tests in a browser" ;;
    gcc | libc6-dev) echo "the tests of a power cut" ;;
    iproute2 | nftables) echo "the tests over a slow or cut network" ;;
    nginx-light) echo "the tests behind a proxy" ;;
  esac
}

needed="python3 python3-venv"
[ "${1:-run}" = run ] || needed="$needed chromium gcc libc6-dev iproute2 nftables nginx-light"

missing=()
for package in $needed; do is_there "$package" || missing+=("$package"); done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif [ -t 0 ]; then sudo "$@"    # a person can be asked for the password
  else sudo -n "$@"
  fi
}

if ! command -v apt-get >/dev/null; then
  why="this system has no apt-get" remedy="install what your system calls them"
elif ! as_root true 2>/dev/null; then
  why="there is neither root nor sudo to install them" remedy="as root: apt install ${missing[*]}"
else
  echo "Installing Debian packages: ${missing[*]}"
  as_root apt-get update -q >/dev/null || true    # an old list may still do
  if as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null; then
    exit 0
  fi
  why="apt-get could not install them" remedy="sudo apt install ${missing[*]}"
fi

skipped=()
for package in "${missing[@]}"; do
  without=$(skipped_without "$package")
  case " ${skipped[*]-} " in *"$without"*) ;; *) skipped+=("${skipped:+and }$without") ;; esac
done
told="because these Debian packages are missing and $why: ${missing[*]} ($remedy)."
case "${skipped[*]}" in
  everything*) echo "Vuzol cannot start here, $told" >&2; exit 1 ;;
  *) echo "Skipped: ${skipped[*]}, $told" ;;
esac
