// The contestants that run on Node: one line of JSON in, one line of JSON out. Arguments: the folder that has node_modules.
//
// {"hello": key}                            → {"node": version, "ethers": version, "viem": version}; a library that is missing is null
// {"run": contestant, "inputs": […]}        → {"ns": …}: what the calls took, after the inputs were made ready
// {"prove": contestant, "inputs": […]}      → {"outcomes": ["0x…", …]}
//
// An input is an eth_signTypedData_v4 document as text; to verify one, [document, signature].

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const folder = resolve(process.argv[2]);
const require = createRequire(join(folder, "package.json"));

function load(name) {
  try {
    return require(name);
  } catch (error) {
    if (error.code === "MODULE_NOT_FOUND") return null;
    throw error;
  }
}

const version = (name) => JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")).version;

// The document's members as each library wants them: bigints for integers, and no type of the domain for ethers.
function parts(text) {
  const { types, primaryType, domain, message } = JSON.parse(text);
  for (const { name, type } of types[primaryType]) if (/^u?int/.test(type)) message[name] = BigInt(message[name]);
  const { EIP712Domain: _, ...structs } = types;
  return { types: structs, primaryType, domain, message };
}

const signed = ([text, signature]) => ({ ...parts(text), signature });

function contestants(ethers, viem, key) {
  const found = {};
  if (ethers) {
    const wallet = new ethers.Wallet(key);
    const { TypedDataEncoder, verifyTypedData } = ethers;
    found.ethers_sign = [parts, (d) => wallet.signTypedData(d.domain, d.types, d.message)];
    found.ethers_digest = [parts, (d) => TypedDataEncoder.hash(d.domain, d.types, d.message)];
    found.ethers_verify = [signed, (d) => verifyTypedData(d.domain, d.types, d.message, d.signature)];
    found.ethers_document = [
      (text) => text,
      (text) => {
        const { types, domain, message } = JSON.parse(text);
        delete types.EIP712Domain;
        return TypedDataEncoder.hash(domain, types, message);
      },
    ];
  }
  if (viem) {
    const account = require("viem/accounts").privateKeyToAccount(key);
    found.viem_sign = [parts, (d) => account.signTypedData(d)];
    found.viem_digest = [parts, (d) => viem.hashTypedData(d)];
    found.viem_verify = [signed, (d) => viem.recoverTypedDataAddress(d)];
    found.viem_document = [(text) => text, (text) => viem.hashTypedData(JSON.parse(text))];
  }
  return found;
}

async function answer(request) {
  if ("hello" in request) {
    const ethers = load("ethers");
    const viem = load("viem");
    known = contestants(ethers, viem, request.hello);
    return { node: process.versions.node, ethers: ethers && version("ethers"), viem: viem && version("viem") };
  }
  const [prepare, call] = known[request.run ?? request.prove];
  const inputs = request.inputs.map(prepare);
  if ("prove" in request) return { outcomes: await Promise.all(inputs.map(call)) };
  const begin = process.hrtime.bigint();
  for (const input of inputs) await call(input);
  return { ns: Number(process.hrtime.bigint() - begin) };
}

let known = {};
for await (const line of createInterface({ input: process.stdin, terminal: false })) {
  let reply;
  try {
    reply = await answer(JSON.parse(line));
  } catch (error) {
    reply = { error: String(error?.message ?? error).split("\n")[0].slice(0, 200) };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}
