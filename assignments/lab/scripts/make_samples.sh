#!/bin/sh
# Every picture of a trained model: make_samples.sh [OUTPUTS]
set -eu
. "$(dirname "$0")/common.sh"
lab viz all --outputs "${1:-outputs}"
