// Decides on tokens with jose. Reads the settings and then the tokens, as lines of JSON. Writes a line
// for each token: why it is refused, or nothing if it is accepted.

import { createInterface } from "node:readline";

import { createLocalJWKSet, jwtVerify } from "jose";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { keySet, options, now } = JSON.parse((await lines.next()).value);
const keys = createLocalJWKSet(keySet);
const currentDate = new Date(now * 1000);

for await (const line of lines) {
  const { token, profile } = JSON.parse(line);
  const reason = await jwtVerify(token, keys, { ...options[profile], currentDate }).then(
    () => "",
    (error) => error.code ?? error.name,
  );
  process.stdout.write(`${reason}\n`);
}
