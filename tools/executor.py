"""Assembles the executor of ``orderseal.chain.multicall``: `python tools/executor.py` prints its two forms.

It makes calls one after the other, whatever becomes of them, and returns what each gave. No opcode is younger than Istanbul (2019).
Its input is one record a call: the target (32 bytes), the length of the calldata (32 bytes), the calldata. Its output is chain id, block
number and time stamp (32 bytes each), and one record a call: success, gas used, code hash of the target, length of the returned data
(32 bytes each), the data, of which at most 8 KiB are kept. Comments show the stack, its top at the right.
"""

import re

CREATION = """
    PUSH2 @end CODESIZE SUB                         ; n       the input follows the code
    DUP1 PUSH2 @end PUSH1 0 CODECOPY                ; n
"""
RUNTIME = """
    CALLDATASIZE                                    ; n
    DUP1 PUSH1 0 PUSH1 0 CALLDATACOPY               ; n
"""
COMMON = """
    DUP1                                            ; n o     the output begins where the input ends
    CHAINID DUP2 MSTORE PUSH1 32 ADD
    NUMBER DUP2 MSTORE PUSH1 32 ADD
    TIMESTAMP DUP2 MSTORE PUSH1 32 ADD
    PUSH1 0                                         ; n o i
loop: JUMPDEST
    DUP3 DUP2 LT ISZERO PUSH2 @done JUMPI           ; n o i
    DUP1 MLOAD                                      ; n o i to
    DUP2 PUSH1 32 ADD MLOAD                         ; n o i to len
    GAS                                             ; n o i to len g0
    PUSH1 0 PUSH1 0 DUP4                            ; ... g0 0 0 len
    PUSH1 64 DUP8 ADD                               ; ... g0 0 0 len in
    PUSH1 0 DUP8 GAS CALL                           ; n o i to len g0 success
    SWAP1 GAS SWAP1 SUB                             ; n o i to len success used
    DUP6 PUSH1 32 ADD MSTORE                        ; n o i to len success
    DUP5 MSTORE                                     ; n o i to len
    DUP2 EXTCODEHASH DUP5 PUSH1 64 ADD MSTORE       ; n o i to len
    RETURNDATASIZE                                  ; n o i to len r
    PUSH2 0x2000 DUP2 GT ISZERO PUSH2 @short JUMPI
    POP PUSH2 0x2000
short: JUMPDEST                                     ; n o i to len r
    DUP1 DUP6 PUSH1 96 ADD MSTORE
    DUP1 PUSH1 0 DUP7 PUSH1 128 ADD RETURNDATACOPY  ; n o i to len r
    PUSH1 128 ADD DUP5 ADD SWAP4 POP                ; n o' i to len
    SWAP1 POP ADD PUSH1 64 ADD                      ; n o' i'
    PUSH2 @loop JUMP
done: JUMPDEST
    POP DUP2 SWAP1 SUB SWAP1 RETURN
end:
"""
OPCODES = {
    "ADD": 0x01,
    "SUB": 0x03,
    "LT": 0x10,
    "GT": 0x11,
    "ISZERO": 0x15,
    "CALLDATASIZE": 0x36,
    "CALLDATACOPY": 0x37,
    "CODESIZE": 0x38,
    "CODECOPY": 0x39,
    "RETURNDATASIZE": 0x3D,
    "RETURNDATACOPY": 0x3E,
    "EXTCODEHASH": 0x3F,
    "TIMESTAMP": 0x42,
    "NUMBER": 0x43,
    "CHAINID": 0x46,
    "POP": 0x50,
    "MLOAD": 0x51,
    "MSTORE": 0x52,
    "JUMP": 0x56,
    "JUMPI": 0x57,
    "GAS": 0x5A,
    "JUMPDEST": 0x5B,
    "PUSH1": 0x60,
    "PUSH2": 0x61,
    **{f"DUP{n}": 0x7F + n for n in range(1, 17)},
    **{f"SWAP{n}": 0x8F + n for n in range(1, 17)},
    "CALL": 0xF1,
    "RETURN": 0xF3,
}


def assemble(text: str) -> bytes:
    """Two passes: where the labels are, then the bytes. An argument belongs to the push before it."""
    words = re.sub(r";.*", "", text).split()
    places: dict[str, int] = {}
    at = width = 0
    for word in words:
        if word.endswith(":"):
            places[word[:-1]] = at
        elif width:
            at, width = at + width, 0
        else:
            at, width = at + 1, int(word[4:]) if word.startswith("PUSH") else 0
    code = b""
    for word in words:
        if word.endswith(":"):
            continue
        if width:
            value = places[word[1:]] if word.startswith("@") else int(word, 0)
            code, width = code + value.to_bytes(width, "big"), 0
        else:
            code, width = code + bytes([OPCODES[word]]), int(word[4:]) if word.startswith("PUSH") else 0
    return code


def creation() -> bytes:
    """As the code of a creation, with the input appended: for a node that knows no state overrides."""
    return assemble(CREATION + COMMON)


def runtime() -> bytes:
    """As the code of an account, with the input as calldata: then the calls are made by that account."""
    return assemble(RUNTIME + COMMON)


if __name__ == "__main__":
    print(creation().hex())
    print(runtime().hex())
