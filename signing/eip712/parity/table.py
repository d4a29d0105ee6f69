"""The table of known divergences: one row for each way in which a document can deviate, and what each library does with it.

``docs/parity.md`` shows it; ``tests/parity`` holds every row against the real libraries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["LIBRARIES", "TABLE", "VERSIONS", "Effect", "Library", "Row"]

Library = Literal["eth-account", "ethers", "viem", "eth-sig-util"]
LIBRARIES: Final[tuple[Library, ...]] = ("eth-account", "ethers", "viem", "eth-sig-util")

VERSIONS: Final[Mapping[Library, str]] = {"eth-account": "0.14.0", "ethers": "6.17.0", "viem": "2.57.1", "eth-sig-util": "9.0.0"}
"""The versions that the table was made for and is tested against. eth-sig-util is MetaMask's, in its version V4."""

Effect = Literal["same", "other", "accepts", "refuses", "unknown"]
_EFFECTS: Final[Mapping[str, Effect]] = {"=": "same", "≠": "other", "+": "accepts", "-": "refuses", "?": "unknown"}


@dataclass(frozen=True, slots=True)
class Row:
    """One way to deviate.

    Attributes:
        code: the row's stable name, for programs.
        what: the deviation in one sentence.
        effects: what each library does where it reads the place. ``same``: it changes nothing. ``other``: it gives another digest than
            ours. ``accepts``: it gives some digest, while we refuse. ``refuses``: it gives an error. ``unknown``: the table does not say.
    """

    code: str
    what: str
    effects: Mapping[Library, Effect]


def _row(code: str, effects: str, what: str) -> Row:
    """``effects`` holds one sign a library, in the order of :data:`LIBRARIES`."""
    return Row(code, what, {library: _EFFECTS[sign] for library, sign in zip(LIBRARIES, effects, strict=True)})


_ROWS: Final = (
    # The text
    _row("not_json", "----", "The text is no JSON: a trailing comma, a comment, a byte order mark, nothing."),
    _row("not_utf8", "????", "The bytes are no UTF-8; what a program makes of them depends on how it reads files."),
    _row("not_a_number", "+---", "`NaN` or `Infinity` is no JSON, but Python's `json` reads it."),
    _row("number_of_thousands_of_digits", "-+++", "An integer of more than 4300 digits: Python refuses to read it."),
    _row("too_deep", "????", "More than 128 levels of arrays and objects."),
    _row("too_long", "????", "More than a million characters, or than 20,000 values, are not analysed."),
    _row("duplicate_key", "++++", "A key is there twice in one object; they all silently take the last."),
    # The document
    _row("document_not_object", "----", "The document is no object."),
    _row("unknown_key", "++++", "A key beside types, primaryType, domain and message; they all ignore it."),
    _row("types_not_object", "--++", "`types` is missing or no object; viem and eth-sig-util need none to sign a bare domain."),
    _row("primary_type_missing", "++--", "`primaryType` is missing: eth-account and ethers infer it."),
    _row("primary_type_not_text", "-+--", "`primaryType` is no string; ethers infers one anyway."),
    _row("primary_type_undeclared", "-+--", "`primaryType` is not among the types; ethers infers one anyway."),
    _row(
        "primary_type_is_domain",
        "-+++",
        "`primaryType` is EIP712Domain: viem and eth-sig-util sign no message then; ethers infers another type.",
    ),
    _row(
        "inferred_primary_type",
        "-≠==",
        "Another struct contains the primary type, and nothing else is a root: ethers infers and hashes that one.",
    ),
    _row(
        "no_single_root",
        "--==",
        "More than one struct, or none, is contained in no other: eth-account and ethers cannot infer the primary type.",
    ),
    # The declarations
    _row("declaration_malformed", "----", 'A struct\'s declaration is no list of objects with a "type" that is a string.'),
    _row("member_name_missing", "-+++", 'A declared member has no "name"; in JavaScript it is then called undefined.'),
    _row("member_name_not_text", "????", "A declared member's name is no string."),
    _row("declaration_extra_key", "++++", "A declared member has more than a name and a type."),
    _row("name_not_identifier", "++++", "A struct's or member's name is no Solidity identifier: it could forge another type string."),
    _row("struct_named_like_type", "++++", "A struct is named like one of Solidity's own types, or nearly so."),
    _row(
        "struct_behind_a_type",
        "????",
        "A struct has the very name of one of Solidity's types: libraries differ in which of the two they take.",
    ),
    _row(
        "struct_named_int_like",
        "==-=",
        "A direct member's struct has a name that begins with int, uint or bytes, or is one of Solidity's types: viem refuses.",
    ),
    _row("struct_named_proto", "=-==", "A struct is named `__proto__`: ethers loses it in a JavaScript object's prototype."),
    _row("dollar_in_struct_name", "==≠≠", "A `$` in a struct's name: viem and eth-sig-util leave the struct out of the type string."),
    _row("dollar_and_inherited_name", "==??", "What stands before the `$` in a struct's name is a property of every JavaScript object."),
    _row("empty_struct", "++++", "A struct has no members; Solidity has none such."),
    _row("duplicate_member", "+-++", "A struct declares a member twice."),
    _row("beyond_limits", "++++", "More than we read: a name over 256 characters, a huge fixed array, over 32 brackets."),
    _row("too_many_types", "????", "More than 500 structs, 5,000 members, or a type string of more than 100,000 characters."),
    _row(
        "uint_without_width",
        "++-+",
        "`uint` or `int` without its width: ethers hashes it as uint256 or int256, which is another type; viem refuses.",
    ),
    _row("uint_without_width_in_array", "++++", "The same in a struct that is reached through an array only, where viem does not look."),
    _row("type_malformed", "--++", "A type that is none of EIP-712's and no declared struct, or one with a wrong width or spaces."),
    _row("type_unusable", "----", "A value has a type that the library does not know."),
    _row("type_as_number", "==+=", "A type that only begins with int or uint: viem takes it for 256 bits."),
    _row(
        "type_as_bytes",
        "==++",
        "A type that only begins with bytes, as bytes0 or bytes04: viem goes by the length, eth-sig-util takes it for bytes32.",
    ),
    _row("uint_zero_padded", "==++", "A width with a leading zero, as in uint08."),
    _row("array_suffix", "+++?", "`T[0]` or `T[01]`: it is another type string for the type that Solidity has, or for none."),
    _row("array_suffix_malformed", "+=++", "An array suffix that is no number, as in `T[a]`, `T[ ]` or `T[-1]`."),
    _row("type_cycle", "=-==", "A struct contains itself through an array, directly or not: ethers knows no recursion."),
    _row("type_cycle_without_array", "+=++", "A struct contains itself not through a dynamic array; only null values could end it."),
    _row("domain_as_member", "--++", "EIP712Domain is the type of a member."),
    # The domain
    _row(
        "domain_undeclared",
        "++++",
        "`types` does not declare EIP712Domain: each library makes up a declaration of its own from the domain.",
    ),
    _row("domain_declared_badly", "=+-=", "The declaration of EIP712Domain is no list of members."),
    _row("domain_empty", "++++", "The domain has no members: the signature is good for every contract and every chain."),
    _row("domain_missing", "-+++", "`domain` is missing or no object; ethers takes it for an empty one."),
    _row("domain_members_differ", "-+++", "The domain object has other members than EIP712Domain declares."),
    _row("domain_member_unknown", "--++", "The domain object has a member that is none of the standard's five."),
    _row("domain_member_unknown_declared", "=+++", "EIP712Domain declares a member that is none of the standard's five."),
    _row(
        "domain_type",
        "++++",
        "EIP712Domain declares a member with another type than the standard's: eth-account and ethers hash the standard's.",
    ),
    _row(
        "domain_order",
        "≠≠==",
        "EIP712Domain declares its members in another order than the standard's: eth-account and ethers reorder them.",
    ),
    _row("domain_null", "++++", "A member of the domain is null; ethers leaves it out."),
    # Structs and arrays
    _row("struct_not_object", "-+++", "A value for a struct is no object: JavaScript finds no members in it."),
    _row("extra_member", "++++", "An object has a member that its struct does not declare; it is not signed."),
    _row("missing_struct", "+--+", "A struct is missing or null: eth-account and eth-sig-util hash 32 zero bytes in its place."),
    _row("missing_empty_struct", "++++", "A struct without members is missing or null."),
    _row("missing_text", "+---", "A string or bytes is missing: eth-account puts 32 zero bytes in its place."),
    _row("missing_bool", "-+--", "A bool is missing: ethers takes it for false."),
    _row("missing_value", "----", "A number, an address, a bytesN or an array is missing."),
    _row("missing_inherited", "+???", "A member is missing, and JavaScript finds an inherited property of that name in its place."),
    _row("array_length", "+-++", "An array has not the length of its type: only ethers counts."),
    _row("not_an_array", "----", "A value for an array is none."),
    # Numbers
    _row(
        "number_in_loose_text",
        "++++",
        'A number as text in a form that all read but we: "+1", " 1 ", "01", "-0", "0x1F", hexadecimal for a signed one.',
    ),
    _row("number_in_python_text", "+---", 'A number as text that only Python reads: "1_0", or digits of another script.'),
    _row("number_in_javascript_text", "-+++", 'A number as text that only JavaScript reads: "0X1F", "0b11", "0o17", " ".'),
    _row("number_in_empty_text", "--++", "An empty string for a number: viem and eth-sig-util read 0."),
    _row("number_in_ethers_text", "-+--", 'A minus sign before what is no decimal number, as in "-0x1" or "-": ethers reads it.'),
    _row("number_text", "----", "Text for a number that nobody reads."),
    _row("number_out_of_range", "----", "A number outside the range of its type."),
    _row("signed_number_out_of_range", "---+", "A number outside the range of a signed type, but within 2^N: eth-sig-util signs it."),
    _row("number_float", "-+++", "A whole number in another form than digits, as in 1.0 or 1e3: Python reads a float."),
    _row("number_float_unsafe", "--++", "A whole number of 2^53 or more in exponent form."),
    _row("number_fraction", "----", "A number that is not whole."),
    _row("number_minus_zero", "++++", "-0 in number position."),
    _row(
        "number_unsafe",
        "+-++",
        "An integer of 2^53 or more in number position: JavaScript rounds it; ethers refuses, viem and eth-sig-util do not.",
    ),
    _row("number_rounded_out_of_range", "+---", "An integer that JavaScript rounds out of the range of its type."),
    _row("number_rounded_into_range", "--++", "An integer that JavaScript rounds into the range of its type."),
    _row(
        "number_rounded_near_range",
        "+--+",
        "An integer that JavaScript rounds out of the range of a signed type, but not beyond what eth-sig-util signs.",
    ),
    _row("bool_for_uint", "--+-", "true or false, or an array that reads as a number, for an unsigned number."),
    _row("bool_for_int", "--++", "true or false, or an array that reads as a number, for a signed number."),
    _row("number_other", "----", "null, an object, or an array that reads as no number, for a number."),
    # bool
    _row("bool_number", "++--", "A number for a bool."),
    _row("bool_true_false_text", "++-+", '"true" or "false" as text: ethers takes "false" for true, since the text is not empty.'),
    _row("bool_text", "++--", 'Other text for a bool: eth-account takes "0" and "False" for false, ethers takes them for true.'),
    _row("bool_null", "-+--", "null for a bool: ethers takes it for false."),
    _row("bool_empty_container", "++--", "An empty array or object for a bool: eth-account takes it for false, ethers for true."),
    _row("bool_container", "-+--", "An array or object for a bool: ethers takes it for true."),
    # address
    _row("address_upper", "++-+", "An address in upper case, which carries no checksum."),
    _row("address_checksum", "+--+", "An address whose checksum is wrong, or with the prefix 0X: a mistyped one is signed."),
    _row("address_without_prefix", "++-+", "An address without 0x: eth-sig-util reads its letters as decimal digits, and signs another."),
    _row("address_without_prefix_checksum", "+--+", "An address without 0x, and with a wrong checksum."),
    _row("address_icap", "-+-+", "An address in ICAP form."),
    _row("address_text", "---+", "Short hexadecimal, a name or other text for an address: eth-sig-util signs some number for it."),
    _row("address_number", "---+", "A number for an address: eth-sig-util pads it."),
    _row("address_other", "----", "A value that is no address for anyone."),
    # bytesN
    _row("fixed_bytes_short", "+--+", "Too few bytes, or a number, for bytesN: padded with zeros."),
    _row("fixed_bytes_long", "---+", "Too many bytes for bytesN, but at most 32: eth-sig-util signs them."),
    _row("fixed_bytes_short_text", "+---", "Short text, true or false for bytesN: eth-account takes its UTF-8."),
    _row("fixed_bytes_text", "+-+-", "Text of N characters for bytesN: viem takes its length for good, and hashes garbage."),
    _row("fixed_bytes_garbage", "--+-", "Text of the right length that is no hexadecimal for bytesN: viem hashes garbage."),
    _row("fixed_bytes_odd", "+-++", "An odd number of hexadecimal digits for bytesN: three put the zero in different places."),
    _row("fixed_bytes_upper_prefix", "-+-+", "The prefix 0X for bytesN."),
    _row("fixed_bytes_other", "----", "A value that is no bytesN for anyone."),
    # bytes
    _row("bytes_text", "+-++", "Text or an odd number of hexadecimal digits for bytes: hashed as UTF-8 or padded."),
    _row("bytes_upper_prefix", "++++", "The prefix 0X for bytes: eth-account and viem hash the text, ethers and eth-sig-util the bytes."),
    _row("bytes_surrogate", "--++", "A lone surrogate in text for bytes: JavaScript hashes U+FFFD in its place."),
    _row("bytes_number", "+--+", "A number for bytes."),
    _row("bytes_number_python", "+---", "null, true, false, a negative or a huge number for bytes: eth-account makes bytes of it."),
    _row("bytes_float", "---+", "A whole number such as 1.0 for bytes."),
    _row("bytes_other", "----", "A value that is no bytes for anyone."),
    # string
    _row("string_surrogate", "--++", "A lone surrogate in a string: JavaScript hashes U+FFFD in its place."),
    _row("string_number", "+-++", "A number for a string: its bytes are hashed, not its digits."),
    _row("string_unsafe_number", "+---", "A number of 2^53 or more for a string."),
    _row("string_float", "--++", "A whole number such as 1.0 for a string."),
    _row("string_bool", "+-+-", "true or false for a string: the byte 0 or 1 is hashed."),
    _row("string_null", "+--+", "null for a string: eth-sig-util hashes an empty one, eth-account puts 32 zero bytes."),
    _row("string_container", "--+-", "An array or object for a string: viem hashes garbage."),
    _row("string_other", "----", "A value that is no string for anyone."),
    # What is not modelled
    _row("not_modelled", "????", "Something that this table knows nothing about."),
)

TABLE: Final[Mapping[str, Row]] = {row.code: row for row in _ROWS}
"""Every row by its code, in the order of the documentation."""
