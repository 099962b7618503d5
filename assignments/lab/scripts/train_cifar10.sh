#!/bin/sh
# Train the default VAE on CIFAR-10 into outputs/cifar10, then measure it.
# Arguments go to `lab train`.
set -eu
. "$(dirname "$0")/common.sh"
lab train --config cifar10 "$@"
lab eval --outputs outputs/cifar10
