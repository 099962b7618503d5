#!/bin/sh
# Train the default VAE on MNIST, then measure it. Arguments go to `lab train`:
#   train_mnist.sh --model resnet --minutes 10
set -eu
. "$(dirname "$0")/common.sh"
lab train --config mnist "$@"
lab eval
