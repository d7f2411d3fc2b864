# Sourced by the scripts beside it: makes or renews the virtual environment and puts its programs first in PATH.
# It is made anew when requirements.lock, pyproject.toml or the Python version change. SEALGATE_VENV names another folder.

if ! true <&0; then exec </dev/null; fi 2>/dev/null # a closed standard input would lend its number to other files
[[ -z ${SEALGATE_VENV:-} ]] || VENV=$(realpath --canonicalize-missing "$SEALGATE_VENV")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
VENV=${VENV:-$ROOT/.venv}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The first Python that fits; what only looks like one (a shim without a version behind it) is passed over.
find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    fail "Sealgate needs Python 3.11, 3.12 or 3.13, and there is none here: apt-get install python3 python3-venv"
}

# What the environment was made from; equal text means that nothing has to be done.
fingerprint() {
    "$1" -c 'import sys; print(sys.version, sys.base_prefix)'
    cat requirements.lock pyproject.toml | sha256sum
    printf '%s\n' "$ROOT"
}

make_environment() {
    local python=$1
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python's module venv is missing: apt-get install python3-venv"
    printf 'Making the virtual environment in %s (a minute or two, once) ...\n' "$VENV" >&2
    "$python" -m venv --clear "$VENV"
    "$VENV/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-input \
        --require-hashes --requirement requirements.lock >&2
    "$VENV/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-input \
        --no-deps --no-build-isolation --editable . >&2
}

# Two scripts that start at once must not build the same environment twice: the second waits for the first.
environment() {
    local python wanted
    python=$(find_python)
    wanted=$(fingerprint "$python")
    mkdir -p "$(dirname "$VENV")"
    exec 9>"$VENV.lock"
    flock 9
    if [[ "$(cat "$VENV/made-from" 2>/dev/null)" != "$wanted" ]]; then
        if [[ -e $VENV && ! -e $VENV/pyvenv.cfg ]]; then
            rmdir "$VENV" 2>/dev/null || fail "$VENV is no virtual environment; remove it or set SEALGATE_VENV"
        fi
        make_environment "$python"
        printf '%s\n' "$wanted" >"$VENV/made-from"
    fi
    exec 9>&-
    PATH=$VENV/bin:$PATH
}

environment
