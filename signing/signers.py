"""Signers: who holds a key and how it is used. Keys never appear in a ``repr``, an error or a pickle."""

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, Self, cast, runtime_checkable

from orderseal.signing import secp256k1
from orderseal.signing.eip712.document import TypedData
from orderseal.signing.errors import InvalidInput, SignerError, describe
from orderseal.signing.keccak import keccak256
from orderseal.signing.strict_json import is_too_deep
from orderseal.signing.values import Address, Hash32, Signature

__all__ = [
    "DigestSigner",
    "KeystoreSigner",
    "LocalSigner",
    "Signer",
    "TransactionSigner",
    "checked_signature",
    "message_hash",
    "sign_text",
    "sign_typed_data",
]

_KEY_FORM: Final = "a private key: 64 hexadecimal digits, with or without 0x"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEY_LIKE = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)
_MAX_KEYSTORE_BYTES: Final = 64 * 1024
_MAX_SCRYPT_BYTES: Final = 1024 * 1024 * 1024
_MAX_PBKDF2_ROUNDS: Final = 10_000_000


@runtime_checkable
class Signer(Protocol):
    """Whatever can sign for one address: a local key, a keystore, or a device or service across a network."""

    @property
    def address(self) -> Address:
        """The account whose signatures this makes."""
        ...

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Signature:
        """Sign EIP-712 typed data: ``digest`` is its signing hash, ``document()`` the whole of it for signers that show or re-hash it."""
        ...

    def sign_message(self, text: str) -> Signature:
        """Sign a text by ``personal_sign`` (EIP-191 version 0x45)."""
        ...


@runtime_checkable
class TransactionSigner(Protocol):
    """A signer that is shown a transaction before it signs it: a wallet or a service across a network.

    Use :func:`orderseal.chain.transactions.sign_transaction`, which checks what comes back.
    """

    @property
    def address(self) -> Address:
        """The account whose transactions this signs."""
        ...

    def sign_transaction(self, digest: Hash32, fields: Mapping[str, str]) -> bytes:
        """Sign a transaction, and give it as it goes to a node.

        Args:
            digest: its signing hash.
            fields: all of it, as ``eth_signTransaction`` takes it (Ethereum execution APIs): ``from``, ``to``, ``gas``, ``nonce``,
                ``value``, ``data``, ``chainId``, and the fees; quantities and bytes as ``0x`` hex.
        """
        ...


@runtime_checkable
class DigestSigner(Protocol):
    """A signer that signs any 32 bytes without knowing what they mean, as those with a key in this process do."""

    @property
    def address(self) -> Address:
        """The account whose signatures this makes."""
        ...

    def unsafe_sign_digest(self, digest: Hash32) -> Signature:
        """Sign any 32 bytes, whatever they mean."""
        ...


def message_hash(text: str) -> Hash32:
    """The digest that ``personal_sign`` signs: EIP-191, version 0x45.

    Raises:
        InvalidInput: no text, or text without a UTF-8 form.
    """
    try:
        raw = str.encode(text)
    except (TypeError, UnicodeEncodeError):
        raise InvalidInput(path="text", expected="text in valid Unicode", actual=describe(text)) from None
    return Hash32(keccak256(b"\x19Ethereum Signed Message:\n" + str(len(raw)).encode() + raw))


class InProcessSigner:
    """What the signers with a key in this process share. It tests itself once when it is made, and refuses to be pickled or copied."""

    __slots__ = ("__key", "_address")

    def __init__(self, key: bytes) -> None:
        if not isinstance(key, bytes) or len(key) != 32:
            actual = _unspoken(key)
            del key  # Tracebacks may be printed with the local variables of each frame.
            raise InvalidInput(path="key", expected="32 bytes", actual=actual)
        if not 0 < int.from_bytes(key, "big") < secp256k1.N:
            del key
            raise InvalidInput(path="key", expected="a number from 1 to the order of the curve less 1", actual="a number out of that range")
        self.__key = secp256k1.load(key)
        self._address = Address(secp256k1.address_of(self.__key))
        probe = keccak256(b"orderseal self-test")
        if secp256k1.recover(probe, secp256k1.sign(self.__key, probe)) != self._address:
            raise SignerError("the ECDSA library does not recover its own signature: do not sign on this machine")

    @property
    def address(self) -> Address:
        """The account of the key."""
        return self._address

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Signature:  # noqa: ARG002 - the digest is enough here
        """Sign an EIP-712 signing hash that this process computed itself."""
        # Low-s and RFC 6979 are libsecp256k1's own rule, and v is 27 or 28: nothing is left to check.
        return bytes.__new__(Signature, secp256k1.sign(self.__key, digest))

    def sign_message(self, text: str) -> Signature:
        """Sign a text by ``personal_sign`` (EIP-191 version 0x45)."""
        return Signature(secp256k1.sign(self.__key, message_hash(text)))

    def unsafe_sign_digest(self, digest: Hash32) -> Signature:
        """Sign any 32 bytes, whatever they mean: a transaction that empties the account, for example. You need to know what they are."""
        return Signature(secp256k1.sign(self.__key, Hash32(digest)))

    def __repr__(self) -> str:
        # A traceback may show a signer that was never finished.
        return f"{type(self).__name__}({getattr(self, '_address', 'without a key')})"

    def __reduce_ex__(self, _protocol: Any, /) -> NoReturn:
        raise TypeError("a signer is neither pickled nor copied: load the key where it is used")

    def __copy__(self) -> NoReturn:
        raise TypeError("a signer is not copied: pass the object itself")

    def __deepcopy__(self, _memo: Any) -> NoReturn:
        raise TypeError("a signer is not copied: pass the object itself")


class LocalSigner(InProcessSigner):
    """A signer made from the key itself: :meth:`from_env`, :meth:`from_key`, :meth:`generate`, or 32 bytes."""

    __slots__ = ()

    @classmethod
    def from_key(cls, key: str) -> Self:
        """Use a private key given as 64 hexadecimal digits, with or without ``0x``."""
        return cls(_parse_key(key, "key"))

    @classmethod
    def from_env(cls, variable: str) -> Self:
        """Use the private key in an environment variable, as 64 hexadecimal digits with or without ``0x``."""
        _check_variable(variable, _KEY_FORM)
        return cls(_parse_key(os.environ[variable], variable))

    @classmethod
    def generate(cls) -> Self:
        """Make a throw-away key that nobody else knows, and that is gone with this process."""
        return cls(secp256k1.generate_secret())


class KeystoreSigner(InProcessSigner):
    """A signer from an encrypted key file (Web3 Secret Storage, version 3), such as geth, clef and eth-account write.

    Args:
        path: the file.
        password_env: the environment variable that holds its password.
        password: or the password itself, from wherever you keep it.

    Raises:
        InvalidInput: no such file, not a key file, or hostile parameters.
        SignerError: wrong password, or the file's own address is another than its key's.
    """

    __slots__ = ()

    def __init__(self, path: str | Path, *, password_env: str | None = None, password: str | None = None) -> None:
        if (password_env is None) == (password is None):
            del password
            raise InvalidInput(path="password", expected="either password_env or password", actual="both or neither")
        if password_env is not None:
            _check_variable(password_env, "a keystore password")
        keystore = read_keystore(path)
        super().__init__(_decrypt(keystore, os.environ[password_env] if password_env is not None else cast("str", password), _shown(path)))
        named = keystore.get("address")
        if isinstance(named, str) and named.lower().removeprefix("0x") != self.address.hex():
            raise SignerError(f"the key file is for another address than its key's, {self.address}: do not use it")


def _check_variable(name: str, expected: str) -> None:
    """Check that an environment variable is set. What cannot be a variable's name may be the secret itself, and is not repeated."""
    if not isinstance(name, str) or not _VARIABLE.fullmatch(name) or _KEY_LIKE.search(name):
        raise InvalidInput(
            path="environment variable",
            expected=f"the name of a variable that holds {expected}",
            actual=_unspoken(name) + " that is no such name",
            hint="Name the variable; do not give the secret itself",
        )
    if name not in os.environ:
        raise InvalidInput(path=name, expected=expected, actual="nothing", hint=f"Set the environment variable {name}")


def read_keystore(path: str | Path) -> dict[str, Any]:
    """Read a key file and check that it is one that can be opened within reason; nothing is decrypted. Keys come in lower case."""
    shown = _shown(path)
    expected = "a Web3 Secret Storage key file (JSON, version 3)"
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_MAX_KEYSTORE_BYTES + 1)
    except OSError as error:
        raise InvalidInput(path=shown, expected=expected, actual=(error.strerror or "an unreadable file").lower()) from None
    except (ValueError, TypeError):
        raise InvalidInput(path=shown, expected=expected, actual="no file name") from None
    try:
        document = None if len(raw) > _MAX_KEYSTORE_BYTES or is_too_deep(raw) else _lower_keys(json.loads(raw.decode()))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InvalidInput(path=shown, expected=expected, actual="a file that is not JSON, or far too long")
    keystore = cast("dict[str, Any]", document)
    crypto = keystore.get("crypto")
    if keystore.get("version") != 3 or not isinstance(crypto, dict):
        raise InvalidInput(path=shown, expected=expected, actual="JSON without version 3 and crypto")
    parameters = cast("dict[str, Any]", crypto).get("kdfparams")
    numbers = cast("dict[str, Any]", parameters) if isinstance(parameters, dict) else {}
    work = [numbers.get(name, default) for name, default in (("n", 1), ("r", 1), ("p", 1), ("c", 1), ("dklen", 32))]
    if not all(type(number) is int and 0 < number < 2**40 for number in work):
        raise InvalidInput(path=f"{shown}: crypto.kdfparams", expected="whole numbers above 0", actual="something else")
    n, r, p, c, length = cast("list[int]", work)
    if 128 * n * r * p > _MAX_SCRYPT_BYTES or c > _MAX_PBKDF2_ROUNDS or length != 32:
        raise InvalidInput(
            path=f"{shown}: crypto.kdfparams",
            expected=f"at most {_MAX_SCRYPT_BYTES // 2**20} MiB of scrypt work, {_MAX_PBKDF2_ROUNDS} PBKDF2 rounds, and 32 bytes of key",
            actual="something else",
            hint="Such a file could stall or crash this process",
        )
    return keystore


def _shown(path: str | Path) -> str:
    """The name of a key file for an error, unless it may be the key itself."""
    return "key file" if _KEY_LIKE.search(str(path)) else str(path)


def _lower_keys(value: Any) -> Any:
    """Fold the keys of all objects as the library below does, so that what is checked is what it uses; two that fold alike are an error."""
    if isinstance(value, dict):
        given = cast("dict[str, Any]", value)
        folded = {key.lower(): _lower_keys(item) for key, item in given.items()}
        if len(folded) != len(given):
            raise ValueError("two keys of a key file differ by case only")
        return folded
    return [_lower_keys(item) for item in value] if isinstance(value, list) else value


def _decrypt(keystore: dict[str, Any], password: str, shown: str) -> bytes:
    from eth_account import Account

    try:
        return bytes(Account.decrypt(keystore, password))
    except Exception:  # noqa: BLE001 - the file may be hostile, and what its parsers raise on it is documented nowhere
        del password
        raise SignerError(f"{shown} could not be opened: wrong password, or a damaged file") from None


def _parse_key(text: str, path: str) -> bytes:
    if not isinstance(text, str) or not re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", text, re.ASCII):
        hint, actual = "", _unspoken(text)
        if isinstance(text, str):
            strange = sum(c not in "0123456789abcdefABCDEF" for c in text.removeprefix("0x"))
            hint = "Remove the white space around it" if text != text.strip() else ""
            actual += f", {strange} of them not hexadecimal" if strange else ""
        del text  # Tracebacks may be printed with the local variables of each frame.
        raise InvalidInput(path=path, expected=_KEY_FORM, actual=actual, hint=hint)
    return bytes.fromhex(text.removeprefix("0x"))


def _unspoken(value: object) -> str:
    """Say what a secret is without a single character of it."""
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    return describe(value) if isinstance(value, bytes) else f"a {type(value).__name__}"


def sign_typed_data(typed_data: TypedData, signer: Signer) -> Signature:
    """Sign a general typed-data document.

    Raises:
        SignerError: the signer failed, or returned a signature that is not its own.
    """
    return checked_signature(signer, typed_data.signing_hash, lambda: typed_data)


def checked_signature(signer: Signer, digest: Hash32, document: Callable[[], TypedData]) -> Signature:
    """Ask a signer, and recover what comes from outside this package before it is used."""
    signature = signer.sign_typed_data(digest, document)
    if getattr(type(signer), "sign_typed_data", None) is not InProcessSigner.sign_typed_data:
        _refuse_foreign(signer, digest, signature)
    return signature


def sign_text(text: str, signer: Signer) -> Signature:
    """Sign a text by ``personal_sign``; what comes from outside this package is recovered before it is used.

    Raises:
        SignerError: the signer returned a signature that is not its own.
    """
    signature = signer.sign_message(text)
    if getattr(type(signer), "sign_message", None) is not InProcessSigner.sign_message:
        _refuse_foreign(signer, message_hash(text), signature)
    return signature


def _refuse_foreign(signer: Signer, digest: Hash32, signature: object) -> None:
    """Raise unless the signature is well-formed and the signer's own."""
    if not isinstance(signature, Signature) or secp256k1.recover(digest, signature) != signer.address:
        raise SignerError(f"the signer for {signer.address} returned something that is not its own signature; it was thrown away")
