// What ethers and viem read from ABI data, leniently.
//
// Argument:        the path of the package.json beside whose node_modules the libraries are.
// Standard input:  one JSON object a line, {"types": [{"name": …, "type": …, "components": […]}], "data": "0x…"}.
// Standard output: one JSON object a line, {"ethers": …, "viem": …}; each is {"value": …}, with integers as decimal strings and bytes
//                  as hex, or {"error": "…"}. ethers is told to be loose, so that it takes bytes without their padding, as Solidity does.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2]);
const { AbiCoder, ParamType, Result } = require("ethers");
const { decodeAbiParameters } = require("viem");

function plain(value, type) {
  if (type.baseType === "array") return Array.from(value, (item) => plain(item, type.arrayChildren));
  if (type.baseType === "tuple") return type.components.map((member, index) => plain(value instanceof Result || Array.isArray(value) ? value[index] : value[member.name], member));
  if (typeof value === "bigint" || typeof value === "number") return String(value);
  return typeof value === "string" && type.baseType !== "string" ? value.toLowerCase() : value;
}

const LIBRARIES = {
  ethers(types, data) {
    const kinds = types.map((type) => ParamType.from(type));
    return new AbiCoder().decode(kinds, data, true).toArray().map((value, index) => plain(value, kinds[index]));
  },
  viem(types, data) {
    const kinds = types.map((type) => ParamType.from(type));
    return decodeAbiParameters(types, data).map((value, index) => plain(value, kinds[index]));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { types, data } = JSON.parse(line);
  const answer = {};
  for (const [name, library] of Object.entries(LIBRARIES)) {
    try {
      answer[name] = { value: library(types, data) };
    } catch (error) {
      answer[name] = { error: String(error.shortMessage ?? error.message).slice(0, 200) };
    }
  }
  console.log(JSON.stringify(answer));
}
