# Sourced by the other scripts: work in the course's folder, and find `lab` in its .venv where the
# virtual environment is not active.
course=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$course"
command -v lab >/dev/null 2>&1 || PATH="$course/.venv/bin:$PATH"
command -v lab >/dev/null 2>&1 || {
    echo "$(basename "$0"): the command lab is not installed; run \`make install-lab\` first." >&2
    exit 2
}
