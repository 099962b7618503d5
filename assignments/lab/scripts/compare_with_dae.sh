#!/bin/sh
# Compare the VAE in outputs with Monday's denoising autoencoder, which is trained first where
# there is none. Arguments go to `lab compare dae`:
#   compare_with_dae.sh --dae-ckpt my_outputs/ckpts/best.pt
set -eu
. "$(dirname "$0")/common.sh"
lab compare dae "$@"
