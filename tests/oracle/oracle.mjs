// What ethers, viem and eth-sig-util make of typed-data documents.
//
// Standard input:  one JSON object a line, {"id": …, "document": "<the JSON text of eth_signTypedData_v4>"}.
// Standard output: one JSON object a line, {"id": …, "ethers": …, "viem": …, "eth-sig-util": …}, in the same order;
//                  each is {"digest": "0x…"} or {"error": "…"}, and ethers' digest comes with the "primaryType" that it inferred.
// With the argument --versions it prints the versions of the three as one JSON object instead.
//
// Each library gets what JSON.parse made of the text, a parse of its own, and is called as its users call it:
//
//   ethers        Wallet.signTypedData(domain, types, message) signs TypedDataEncoder.hash(domain, types, message) where no address is an
//                 ENS name. The types go in without EIP712Domain, as its documentation asks. It takes no primary type: it infers one.
//   viem          privateKeyToAccount(key).signTypedData(document) signs hashTypedData(document), which validates first.
//   eth-sig-util  signTypedData({version: "V4", …}) signs TypedDataUtils.eip712Hash(document, "V4"), as MetaMask's keyrings do. The
//                 checks that the wallet makes before (a JSON Schema, the chain id, its user interface) are no part of the library.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import sigUtil from "@metamask/eth-sig-util";
import { TypedDataEncoder } from "ethers";
import { hashTypedData } from "viem";

const LIBRARIES = {
  ethers({ domain, types, message }) {
    const { EIP712Domain: _, ...structs } = types;
    const digest = TypedDataEncoder.hash(domain, structs, message);
    return { digest, primaryType: TypedDataEncoder.from(structs).primaryType };
  },
  viem(document) {
    return { digest: hashTypedData(document) };
  },
  "eth-sig-util"(document) {
    return { digest: "0x" + sigUtil.TypedDataUtils.eip712Hash(document, sigUtil.SignTypedDataVersion.V4).toString("hex") };
  },
};

function attempt(library, text) {
  try {
    return library(JSON.parse(text));
  } catch (error) {
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { error: said.slice(0, 200) };
  }
}

if (process.argv[2] === "--versions") {
  const require = createRequire(import.meta.url);
  const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
  const installed = Object.keys(dependencies).map((name) => {
    const entry = require.resolve(name);
    const folder = entry.slice(0, entry.lastIndexOf(`/node_modules/${name}/`)) + `/node_modules/${name}/`;
    return [name.replace("@metamask/", ""), JSON.parse(readFileSync(folder + "package.json", "utf8")).version];
  });
  process.stdout.write(JSON.stringify(Object.fromEntries(installed)) + "\n");
} else {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (line.trim() === "") continue;
    const { id, document } = JSON.parse(line);
    const outcomes = Object.entries(LIBRARIES).map(([name, library]) => [name, attempt(library, document)]);
    process.stdout.write(JSON.stringify({ id, ...Object.fromEntries(outcomes) }) + "\n");
  }
}
