"""Signers: right signatures, and a key that never gets out."""

import copy
import gc
import hashlib
import inspect
import json
import os
import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_keys.backends.native.main import NativeECCBackend
from eth_keys.main import KeyAPI

from orderseal.signing import (
    Address,
    Domain,
    Hash32,
    InvalidInput,
    KeystoreSigner,
    LocalSigner,
    OrdersealError,
    Signature,
    Signer,
    SignerError,
    TypedData,
    message_hash,
    sign_typed_data,
)

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DOCUMENT = TypedData({"T": [{"name": "v", "type": "bool"}]}, "T", Domain(name="x"), {"v": True})


def leaks(secret: str, text: str) -> list[str]:
    """Every part of six characters of the secret that stands in the text, in any case."""
    secret, text = secret.lower(), text.lower()
    return [secret[i : i + 6] for i in range(len(secret) - 5) if secret[i : i + 6] in text]


def everything_said(error: BaseException, *, with_locals: bool = False) -> str:
    """The error and its chain in every form in which one is printed, less the lines of source and of this file."""
    said = [str(error), repr(error), repr(error.args), repr(vars(error)), json.dumps(vars(error), default=repr)]
    formatted = traceback.TracebackException.from_exception(error, capture_locals=with_locals)
    said += [f"{type(error)} {formatted}"]
    current: traceback.TracebackException | None = formatted
    while current is not None:
        for frame in current.stack:
            if frame.filename != __file__:
                said.append(f"{frame.filename} {frame.name} {frame.locals}")
        said += list(current.format_exception_only())
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n".join(said)


# What is signed


def test_addresses_of_published_keys() -> None:
    assert str(LocalSigner.from_key(KEY).address) == "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"  # web3.js, accounts
    assert str(LocalSigner.from_key("00" * 31 + "01").address) == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
    assert str(LocalSigner(bytes.fromhex(KEY)).address) == str(LocalSigner.from_key("0x" + KEY.upper()).address)


def test_the_published_personal_signature() -> None:
    """web3.js, ``accounts.sign('Some data', …)``."""
    assert str(message_hash("Some data")) == "0x1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655"
    expected = (
        "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
        "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
    )
    assert str(LocalSigner.from_key(KEY).sign_message("Some data")) == expected


@pytest.mark.parametrize("text", ["", "x", "Hello, world", "é😀\n\0", "a" * 9, "a" * 10, "a" * 1000, "é" * 5, "0x" + "00" * 32])
def test_personal_sign_equals_eth_accounts(text: str) -> None:
    theirs = Account.sign_message(encode_defunct(text=text), KEY)
    assert message_hash(text) == theirs.message_hash
    signature = LocalSigner.from_key(KEY).sign_message(text)
    assert type(signature) is Signature
    assert signature == theirs.signature


@pytest.mark.parametrize(
    ("key", "message", "r", "s"),
    [  # The community's RFC 6979 vectors for secp256k1 with SHA-256
        (
            1,
            b"Satoshi Nakamoto",
            "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8",
            "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
        ),
        (
            1,
            b"All those moments will be lost in time, like tears in rain. Time to die...",
            "8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b",
            "547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21",
        ),
    ],
)
def test_the_nonce_of_a_signature_is_deterministic_as_in_rfc_6979(key: int, message: bytes, r: str, s: str) -> None:
    signature = LocalSigner(key.to_bytes(32, "big")).unsafe_sign_digest(Hash32(hashlib.sha256(message).digest()))
    assert signature[:32].hex() == r
    assert signature[32:64].hex() == s


def test_signatures_equal_the_pure_python_ones_and_are_low_s() -> None:
    """eth-keys' native back end shares no code with libsecp256k1."""
    api = KeyAPI(NativeECCBackend())
    secret = bytes.fromhex(KEY)
    signer, theirs = LocalSigner(secret), api.PrivateKey(secret)
    seen = set()
    for i in range(20):
        digest = Hash32(hashlib.sha256(bytes([i])).digest())
        signature = signer.unsafe_sign_digest(digest)
        expected = theirs.sign_msg_hash(digest)
        assert (signature.r, signature.s, signature.v - 27) == expected.vrs[1:] + expected.vrs[:1]
        assert signature.s <= N // 2
        assert signer.unsafe_sign_digest(digest) == signature
        seen.add(signature.v)
    assert seen == {27, 28}


def test_a_local_signer_is_a_signer() -> None:
    assert isinstance(LocalSigner.generate(), Signer)
    assert LocalSigner.generate().address != LocalSigner.generate().address
    assert type(LocalSigner.generate().address) is Address


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33), None, "0x12", 5])
def test_only_a_digest_is_signed_as_a_digest(digest: Any) -> None:
    with pytest.raises(InvalidInput):
        LocalSigner.from_key(KEY).unsafe_sign_digest(digest)


class Liar:
    """Says it is one key and is another."""

    def __init__(self, address: Address, answer: Callable[[Hash32], Any]) -> None:
        self.address, self.answer = address, answer

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Any:
        return self.answer(digest)

    def sign_message(self, text: str) -> Any:
        return self.answer(message_hash(text))


def test_a_lying_signer_of_typed_data_is_caught(signer: LocalSigner, stranger: LocalSigner) -> None:
    assert sign_typed_data(DOCUMENT, Liar(signer.address, signer.unsafe_sign_digest)) == sign_typed_data(DOCUMENT, signer)
    with pytest.raises(SignerError) as caught:
        sign_typed_data(DOCUMENT, Liar(signer.address, stranger.unsafe_sign_digest))
    assert str(signer.address) in str(caught.value)
    for answer in (b"", None, bytes(65), "0x", signer.unsafe_sign_digest(DOCUMENT.signing_hash)[:64]):
        with pytest.raises((SignerError, InvalidInput)):
            sign_typed_data(DOCUMENT, Liar(signer.address, lambda _digest, answer=answer: answer))  # type: ignore[misc]


# Keys that are no keys

BAD_KEYS = [
    KEY[:-1],
    KEY[:-2],
    KEY + "0",
    KEY + "00",
    " " + KEY,
    KEY + " ",
    KEY + "\n",
    "\t0x" + KEY,
    "0X" + KEY,
    "0x0x" + KEY,
    KEY[:-1] + "g",
    KEY[:-1] + "\u0661",
    KEY[:32] + " " + KEY[32:],
    "0x" + KEY[:-2],
    KEY[:-1] + "\ud800",
    '"' + KEY + '"',
    KEY.replace("4", "-", 1),
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_no_part_of_a_bad_key_is_ever_said(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    makers: list[Callable[[], Any]] = [lambda: LocalSigner.from_key(key), lambda: LocalSigner(key)]  # type: ignore[arg-type]
    if "\ud800" not in key:
        monkeypatch.setenv("BOT_KEY", key)
        makers.append(lambda: LocalSigner.from_env("BOT_KEY"))
    for make in makers:
        with pytest.raises(InvalidInput) as caught:
            make()
        said = everything_said(caught.value)
        assert not leaks(KEY, said)
        assert not leaks(key, said)
        assert caught.value.expected


@pytest.mark.parametrize(
    "key",
    [None, 5, int(KEY, 16), True, bytes.fromhex(KEY), [KEY], {"key": KEY}, bytearray.fromhex(KEY)],
    ids=lambda key: type(key).__name__,
)
def test_a_key_of_another_type_is_not_said_either(key: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        LocalSigner.from_key(key)
    assert not leaks(KEY, everything_said(caught.value))
    assert str(int(KEY, 16))[:10] not in everything_said(caught.value)


@pytest.mark.parametrize(
    "key", [b"", bytes(31), bytes(33), bytes(64), bytearray(32), "0x", None, bytes(32), N.to_bytes(32, "big"), b"\xff" * 32]
)
def test_the_bytes_of_a_key_are_checked(key: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        LocalSigner(key)
    assert caught.value.path == "key"


def test_the_bounds_of_a_key_are_inclusive() -> None:
    assert LocalSigner((N - 1).to_bytes(32, "big")).address != LocalSigner(bytes(31) + b"\1").address


def test_a_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (KEY, "0x" + KEY, KEY.upper()):
        monkeypatch.setenv("BOT_KEY", text)
        assert str(LocalSigner.from_env("BOT_KEY").address) == "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
    monkeypatch.delenv("BOT_KEY")
    with pytest.raises(InvalidInput, match="BOT_KEY") as caught:
        LocalSigner.from_env("BOT_KEY")
    assert caught.value.actual == "nothing"
    monkeypatch.setenv("BOT_KEY", "")
    with pytest.raises(InvalidInput, match="text of 0 characters"):
        LocalSigner.from_env("BOT_KEY")
    monkeypatch.setenv("BOT_KEY", KEY + "\n")
    with pytest.raises(InvalidInput, match="white space"):
        LocalSigner.from_env("BOT_KEY")


# Keeping the key


@pytest.fixture
def keystore() -> dict[str, Any]:
    """A real key file with a cheap key derivation."""
    made: dict[str, Any] = Account.encrypt(bytes.fromhex(KEY), "pass word é", kdf="scrypt", iterations=2)
    return made


def write(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "key.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


@pytest.fixture(params=["local", "keystore"])
def any_signer(request: pytest.FixtureRequest, tmp_path: Path, keystore: dict[str, Any]) -> LocalSigner | KeystoreSigner:
    if request.param == "local":
        return LocalSigner.from_key(KEY)
    return KeystoreSigner(write(tmp_path, keystore), password="pass word é")


def test_a_signer_is_neither_pickled_nor_copied(any_signer: LocalSigner) -> None:
    attempts: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, lambda s: copy.deepcopy([{"signer": s}])]
    attempts += [partial(pickle.dumps, protocol=protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for attempt in attempts:
        with pytest.raises(TypeError) as caught:
            attempt(any_signer)
        assert "signer" in str(caught.value)
        assert not leaks(KEY, everything_said(caught.value))


def test_a_signer_does_not_print_its_key(any_signer: LocalSigner) -> None:
    texts = [repr(any_signer), str(any_signer), f"{any_signer}", f"{any_signer!r:>80}", repr([any_signer]), repr(dir(any_signer))]
    texts += [repr(value) for _, value in inspect.getmembers(any_signer)]
    assert not leaks(KEY, "\n".join(texts))
    assert repr(any_signer) == f"{type(any_signer).__name__}(0x2c7536E3605D9C16a7a3D7b1898e529396a65c23)"
    assert not hasattr(any_signer, "__dict__")
    for name in ("key", "secret", "private_key", "_key", "__key"):
        assert not hasattr(any_signer, name)
    with pytest.raises(TypeError):
        json.dumps(any_signer)


def test_no_bytes_of_the_key_hang_on_the_signer(any_signer: LocalSigner) -> None:
    """Only the binding's own object may hold them, where no serialiser, logger or ``vars`` goes by itself."""
    raw = bytes.fromhex(KEY)

    def reachable(item: object, depth: int) -> Iterator[object]:
        yield item
        if depth:
            for below in gc.get_referents(item):
                if not isinstance(below, type) and not inspect.ismodule(below):
                    yield from reachable(below, depth - 1)

    assert not [item for item in reachable(any_signer, 1) if isinstance(item, bytes | str) and item in (raw, KEY, "0x" + KEY)]


# Key files


def test_a_key_file(tmp_path: Path, keystore: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, keystore)
    local = LocalSigner.from_key(KEY)
    monkeypatch.setenv("MAKER_PASSWORD", "pass word é")
    for signer in (
        KeystoreSigner(path, password="pass word é"),
        KeystoreSigner(str(path), password="pass word é"),
        KeystoreSigner(path, password_env="MAKER_PASSWORD"),
    ):
        assert signer.address == local.address
        assert sign_typed_data(DOCUMENT, signer) == sign_typed_data(DOCUMENT, local)
        assert signer.sign_message("x") == local.sign_message("x")


def test_a_key_file_with_pbkdf2(tmp_path: Path) -> None:
    path = write(tmp_path, Account.encrypt(bytes.fromhex(KEY), "", kdf="pbkdf2", iterations=1))
    assert KeystoreSigner(path, password="").address == LocalSigner.from_key(KEY).address


def test_the_published_key_file(tmp_path: Path) -> None:
    """The test vector of the Web3 Secret Storage definition (PBKDF2-SHA-256)."""
    vector = {
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
            "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
            "kdf": "pbkdf2",
            "kdfparams": {
                "c": 262144,
                "dklen": 32,
                "prf": "hmac-sha256",
                "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
            },
            "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3,
    }
    signer = KeystoreSigner(write(tmp_path, vector), password="testpassword")
    secret = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    assert signer.address == LocalSigner.from_key(secret).address


@pytest.mark.parametrize("change", ["upper", "0x", "checksum", "missing", "Crypto", "None"])
def test_harmless_variations_of_a_key_file(tmp_path: Path, keystore: dict[str, Any], change: str) -> None:
    address = keystore["address"]
    if change == "upper":
        keystore["address"] = address.upper()
    elif change == "0x":
        keystore["address"] = "0x" + address
    elif change == "checksum":
        keystore["address"] = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
    elif change == "missing":
        del keystore["address"]
    elif change == "Crypto":  # geth wrote it so for a time
        keystore["Crypto"] = keystore.pop("crypto")
    else:
        keystore["address"] = None
    assert KeystoreSigner(write(tmp_path, keystore), password="pass word é").address.hex() == address.lower()


@pytest.mark.parametrize("password", ["", "pass word", "pass word é ", "Pass word é", "pass word e\u0301", "\ud800"])
def test_a_wrong_password(tmp_path: Path, keystore: dict[str, Any], password: str) -> None:
    path = write(tmp_path, keystore)
    with pytest.raises(SignerError, match="wrong password") as caught:
        KeystoreSigner(path, password=password)
    said = everything_said(caught.value)
    assert not leaks(KEY, said)
    assert not password or password not in str(caught.value).replace("wrong password", "")


def test_the_password_is_given_once(tmp_path: Path, keystore: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, keystore)
    with pytest.raises(InvalidInput, match="either password_env or password"):
        KeystoreSigner(path)
    with pytest.raises(InvalidInput, match="either password_env or password"):
        KeystoreSigner(path, password="hunter2", password_env="X")
    monkeypatch.delenv("MAKER_PASSWORD", raising=False)
    with pytest.raises(InvalidInput, match="MAKER_PASSWORD"):
        KeystoreSigner(path, password_env="MAKER_PASSWORD")


def test_a_key_file_that_names_another_address(tmp_path: Path, keystore: dict[str, Any]) -> None:
    for address in ("00" * 20, "", "0x", "x"):
        with pytest.raises(SignerError, match="another address"):
            KeystoreSigner(write(tmp_path, {**keystore, "address": address}), password="pass word é")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not JSON"),
        (b"null", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (KEY.encode(), "not JSON"),
        (b'"' + KEY.encode() + b'"', "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b'{"a":' * 10_000, "not JSON"),
        (b'{"version": 3, "crypto": {}, "pad": "' + b"x" * 66_000 + b'"}', "far too long"),
        (b"{}", "without version 3"),
        (b'{"version": 1, "crypto": {}}', "without version 3"),
        (b'{"version": 4, "crypto": {}}', "without version 3"),
        (b'{"version": "3", "crypto": {}}', "without version 3"),
        (b'{"version": 3}', "without version 3"),
        (b'{"version": 3, "crypto": []}', "without version 3"),
        (b'{"version": 3, "crypto": "x"}', "without version 3"),
        (b'{"privateKey": "' + KEY.encode() + b'"}', "without version 3"),
        (b'{"version": 3, "crypto": {"kdfparams": {"n": 1' + b"0" * 5000 + b"}}}", ""),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_no_key_file(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        KeystoreSigner(write(tmp_path, content), password="hunter2")
    assert words in str(caught.value)
    assert caught.value.path.startswith(str(tmp_path / "key.json"))
    assert not leaks(KEY, everything_said(caught.value))
    assert "hunter2" not in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path, tmp_path / "x" / "y", tmp_path / ("n" * 300), f"{tmp_path}/a\0b"):
        with pytest.raises(InvalidInput):
            KeystoreSigner(path, password="hunter2")


def set_parameters(keystore: dict[str, Any], **changes: Any) -> dict[str, Any]:
    parameters = {**keystore["crypto"]["kdfparams"], **changes}
    return {**keystore, "crypto": {**keystore["crypto"], "kdfparams": parameters}}


PBKDF2 = {"kdf": "pbkdf2", "kdfparams": {"c": 1, "dklen": 32, "prf": "hmac-sha256", "salt": "00" * 16}}


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 2**24},
        {"n": 2**30},
        {"n": 2**39},
        {"n": 2**40},
        {"n": 2**70},
        {"n": 2**20, "r": 9},
        {"r": 2**30},
        {"p": 2**30},
        {"p": 2**25},
        {"c": 10**7 + 1},
        {"c": 10**12},
        {"n": -1},
        {"n": 2.0},
        {"n": "2"},
        {"n": True},
        {"r": None},
    ],
    ids=str,
)
def test_hostile_parameters_are_refused_at_once(tmp_path: Path, keystore: dict[str, Any], changes: dict[str, Any]) -> None:
    """Such a file asks for terabytes or years."""
    begin = time.perf_counter()
    with pytest.raises(InvalidInput, match="kdfparams"):
        KeystoreSigner(write(tmp_path, set_parameters(keystore, **changes)), password="pass word é")
    assert time.perf_counter() - begin < 2


def test_the_usual_strength_is_not_hostile(tmp_path: Path, keystore: dict[str, Any]) -> None:
    """geth, ethers and MetaMask write n = 2^17 or 2^18 with r = 8; eth-account up to 10^6 rounds of PBKDF2."""
    from orderseal.signing.signers import read_keystore

    assert read_keystore(write(tmp_path, set_parameters(keystore, n=2**18, r=8, p=1)))["version"] == 3
    assert read_keystore(write(tmp_path, set_parameters(keystore, n=2**20 // 8, r=8, p=1)))["version"] == 3
    rounds = {**keystore, "crypto": {**keystore["crypto"], "kdf": "pbkdf2", "kdfparams": {**PBKDF2["kdfparams"], "c": 1_000_000}}}  # type: ignore[dict-item]
    assert read_keystore(write(tmp_path, rounds))["version"] == 3


@pytest.mark.parametrize(
    "crypto",
    [
        {"kdf": "argon2"},
        {"kdf": ["scrypt"]},
        {"kdf": None},
        {"kdfparams": None},
        {"kdfparams": []},
        {"kdfparams": {}},
        {"mac": 5},
        {"mac": ""},
        {"mac": "zz"},
        {"mac": None},
        {"ciphertext": ""},
        {"ciphertext": 5},
        {"ciphertext": "00" * 33},
        {"cipherparams": []},
        {"cipherparams": {"iv": "ff" * 40}},
        {"cipherparams": {"iv": None}},
        {**PBKDF2},
        {**PBKDF2, "kdfparams": {"c": 1, "dklen": 32, "prf": "md5", "salt": "00"}},
        {**PBKDF2, "kdfparams": {"c": 1, "dklen": 32, "prf": "hmac-nope", "salt": "00"}},
        {**PBKDF2, "kdfparams": {"c": 0, "dklen": 32, "prf": "hmac-sha256", "salt": "00"}},
        {"kdfparams": {"n": 2, "r": 0, "p": 1, "dklen": 32, "salt": "00"}},
        {"kdfparams": {"n": 0, "r": 8, "p": 1, "dklen": 32, "salt": "00"}},
        {"kdfparams": {"n": 3, "r": 8, "p": 1, "dklen": 32, "salt": "00"}},
        {"kdfparams": {"n": 2, "r": 8, "p": 1, "dklen": 32, "salt": [1]}},
        {"kdfparams": {"n": 2, "r": 8, "p": 1, "dklen": -1, "salt": "00"}},
        {"kdfparams": {"n": 2, "r": 8, "p": 1, "dklen": 32, "salt": "é"}},
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_a_damaged_key_file_is_one_clear_error(tmp_path: Path, keystore: dict[str, Any], crypto: dict[str, Any]) -> None:
    damaged = {**keystore, "crypto": {**keystore["crypto"], **crypto}}
    with pytest.raises((SignerError, InvalidInput)) as caught:
        KeystoreSigner(write(tmp_path, damaged), password="pass word é")
    assert not leaks(KEY, everything_said(caught.value))
    assert "pass word é" not in everything_said(caught.value)


# What follows was found by attack.


@pytest.mark.parametrize("name", [KEY, "0x" + KEY, KEY.upper(), "a" + KEY[1:], "F" * 64])
def test_a_key_in_the_place_of_a_variables_name_is_not_said(name: str, tmp_path: Path, keystore: dict[str, Any]) -> None:
    """``--key-env 0x4c08…`` is an easy slip; the error repeated it twice."""
    for make in (lambda: LocalSigner.from_env(name), lambda: KeystoreSigner(write(tmp_path, keystore), password_env=name)):
        with pytest.raises(OrdersealError) as caught:
            make()
        assert not leaks(name.lower().removeprefix("0x"), everything_said(caught.value))


@pytest.mark.parametrize("password", ["correct horse battery staple", "hunter2!", "päss", "tr0ub4dor&3", "x y"])
def test_a_password_in_the_place_of_a_variables_name_is_not_said(password: str, tmp_path: Path, keystore: dict[str, Any]) -> None:
    """What cannot be the name of an environment variable is most likely the password itself."""
    with pytest.raises(OrdersealError) as caught:
        KeystoreSigner(write(tmp_path, keystore), password_env=password)
    assert password not in everything_said(caught.value)


@pytest.mark.parametrize("path", [KEY, "0x" + KEY])
def test_a_key_in_the_place_of_a_path_is_not_said(path: str) -> None:
    with pytest.raises(OrdersealError) as caught:
        KeystoreSigner(path, password="x")
    assert not leaks(KEY, everything_said(caught.value))


def test_tracebacks_with_locals_do_not_show_what_the_environment_held(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keystore: dict[str, Any]
) -> None:
    """Sentry, rich and pytest print the local variables of our frames; the caller never had the key in his own."""
    bad = KEY[:-1] + "g"
    monkeypatch.setenv("BOT_KEY", bad)
    with pytest.raises(InvalidInput) as caught:
        LocalSigner.from_env("BOT_KEY")
    assert not leaks(bad, everything_said(caught.value, with_locals=True))
    monkeypatch.setenv("MAKER_PASSWORD", "correct horse battery")
    with pytest.raises(SignerError) as failed:
        KeystoreSigner(write(tmp_path, keystore), password_env="MAKER_PASSWORD")
    assert "correct horse" not in everything_said(failed.value, with_locals=True)


def test_a_text_that_has_no_utf_8_form_is_bad_input() -> None:
    """It escaped as ``UnicodeEncodeError``."""
    for attempt in (message_hash, LocalSigner.from_key(KEY).sign_message):
        with pytest.raises(InvalidInput):
            attempt("\ud800")


@pytest.mark.parametrize("text", [b"x", None, 5])
def test_a_text_is_text(text: Any) -> None:
    for attempt in (message_hash, LocalSigner.from_key(KEY).sign_message):
        with pytest.raises((InvalidInput, TypeError)):
            attempt(text)


def open_in_a_child(path: Path, program: str = "") -> subprocess.CompletedProcess[str]:
    program = (
        "import sys\nfrom orderseal.signing import *\n"
        + (
            program
            or "def work():\n try:\n  KeystoreSigner(sys.argv[1], password='pass word é')\n"
            " except OrdersealError as error:\n  print(type(error).__name__)\n"
        )
        + "import threading\nthreading.stack_size(512 * 1024)\nt = threading.Thread(target=work, daemon=True)\nt.start()\nt.join()\n"
    )
    environment = {**os.environ, "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=20, check=False, env=environment
    )


@pytest.mark.parametrize(
    ("kdf", "changes"),
    [
        ("scrypt", {"dklen": 2**70}),
        ("scrypt", {"dklen": 2**28}),
        ("scrypt", {"DKLEN": 2**30}),
        ("scrypt", {"N": 2**39}),
        ("scrypt", {"P": 2**30}),
        ("pbkdf2", {"dklen": 2**70}),
        ("pbkdf2", {"dklen": 2**30}),
        ("pbkdf2", {"DKLEN": 2**30}),
        ("pbkdf2", {"C": 2**31 - 1}),
    ],
    ids=str,
)
def test_the_bounds_cannot_be_walked_around(tmp_path: Path, keystore: dict[str, Any], kdf: str, changes: dict[str, Any]) -> None:
    """The length of the derived key had no bound; and the library below folds the case of all keys, so that ``"C"`` overrode ``"c"``."""
    if kdf == "pbkdf2":
        keystore = Account.encrypt(bytes.fromhex(KEY), "pass word é", kdf="pbkdf2", iterations=1)
    result = open_in_a_child(write(tmp_path, set_parameters(keystore, **changes)))
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() in ("InvalidInput", "SignerError")


def test_all_parameters_cannot_hide_behind_another_case(tmp_path: Path) -> None:
    keystore = Account.encrypt(bytes.fromhex(KEY), "pass word é", kdf="pbkdf2", iterations=1)
    keystore["crypto"]["KdfParams"] = {**keystore["crypto"].pop("kdfparams"), "c": 2**31 - 1}
    assert open_in_a_child(write(tmp_path, keystore)).stdout.strip() in ("InvalidInput", "SignerError")


def test_a_deep_key_file_in_another_encoding_does_not_kill_the_process(tmp_path: Path) -> None:
    """``json.loads`` reads bytes as UTF-16 too, where the counting of brackets lost its place at U+2201: the stack overflowed."""
    path = write(tmp_path, ('["\u2201",' + "[" * 30_000).encode("utf-16-le"))
    program = (
        "import eth_account, py_ecc.bls\n"
        "def work():\n try:\n  KeystoreSigner(sys.argv[1], password='x')\n except OrdersealError as error:\n  print(type(error).__name__)\n"
    )
    result = open_in_a_child(path, program)
    assert result.returncode == 0, result
    assert result.stdout.split() == ["InvalidInput"]
