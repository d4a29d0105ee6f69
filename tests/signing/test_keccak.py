"""Keccak-256 and its two back ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from orderseal.signing import ECDSA_BACKEND, KECCAK_BACKEND, keccak256


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        # The Keccak team's KeccakKAT, and the Ethereum yellow paper's KEC(()).
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (bytes.fromhex("cc"), "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a"),
        # ERC-20's event, as every log of a transfer shows it.
        (b"Transfer(address,address,uint256)", "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"),
    ],
)
def test_known_answers(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest


def test_the_fast_back_ends_are_live() -> None:
    assert KECCAK_BACKEND == "tiny-keccak"
    assert ECDSA_BACKEND.startswith("coincurve")


@pytest.mark.parametrize("data", [b"\xa3" * 200, bytes(135), bytes(136), bytes(137), b"x" * 10_000])
def test_both_back_ends_agree_at_the_block_borders(data: bytes) -> None:
    from orderseal.signing.keccak import _eth_hash, _tiny_keccak

    assert _eth_hash()(data) == _tiny_keccak()(data) == keccak256(data)


def test_without_tiny_keccak_everything_still_works(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["tiny_keccak"] = None
from orderseal.signing import *
assert KECCAK_BACKEND == "eth-hash", KECCAK_BACKEND
assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
assert str(Order.type_hash) == "0x043d6bb5255c8a53a8dd164358b4de5ffb61d13dc332495e185ce15f82cc71b6"
signer = LocalSigner.generate()
document = TypedData({"T": [{"name": "v", "type": "bytes"}]}, "T", Domain(name="x"), {"v": b"abc"})
assert verify_typed_data(document, sign_typed_data(document, signer), signer=signer.address) == signer.address
assert str(Address("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")) == "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
print("good")
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.stdout.strip() == "good", result.stderr


def test_without_any_keccak_the_import_says_what_to_install(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["tiny_keccak"] = None
sys.modules["eth_hash"] = sys.modules["eth_hash.auto"] = None
try:
    import orderseal.signing
except ImportError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert "install tiny-keccak" in result.stdout


def test_a_back_end_that_is_not_keccak_is_not_used(tmp_path: Path) -> None:
    """NIST's SHA3-256 pads differently; a package that gives it, or anything else, is passed over."""
    (tmp_path / "tiny_keccak.py").write_text("from hashlib import sha3_256\ndef keccak256(data): return sha3_256(data).digest()\n")
    program = "import sys; sys.path.insert(0, '.')\nimport orderseal.signing as s; print(s.KECCAK_BACKEND, s.keccak256(b'abc').hex())"
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.split() == ["eth-hash", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"]
