// The same request as a command or as code, to be pasted elsewhere.

import { post } from "./dom.js";
import { apiOf, setup } from "./state.js";

const OWN_HEADERS = ["host", "connection", "upgrade", "content-length", "accept", "user-agent",
  "sec-websocket-version", "sec-websocket-key", "sec-websocket-extensions"];
const SUBPROTOCOLS = "sec-websocket-protocol";

const quote = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const inLines = (parts) => parts.join(" \\\n  ");
const headerOptions = (headers) => headers.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);

function partsOf({ api, stage, request }) {
  const search = new URLSearchParams(request.query).toString();
  const path = api === "websocket" ? "" : request.path;
  const headers = request.headers.filter(([name]) => !OWN_HEADERS.includes(name.toLowerCase()));
  const isOffer = ([name]) => name.toLowerCase() === SUBPROTOCOLS;
  return {
    method: request.method,
    url: `${apiOf(api, stage).url}${path}${search && `?${search}`}`,
    headers,
    others: headers.filter((header) => !isOffer(header)),
    offered: headers.filter(isOffer).flatMap(([, value]) => value.split(",").map((one) => one.trim())),
  };
}

function curl({ method, url, headers }) {
  const options = method === "HEAD" ? ["-I"] : method === "GET" ? ["-i"] : ["-i", "-X", method];
  // Otherwise curl would change such a path, or read it as a pattern.
  if (url.includes("/.")) options.push("--path-as-is");
  if (/[[\]{}]/.test(url)) options.push("-g");
  return inLines([["curl", ...options, quote(url)].join(" "), ...headerOptions(headers)]);
}

function fetchCode({ method, url, headers }) {
  const options = JSON.stringify({ method, headers: Object.fromEntries(headers) }, null, 2);
  return `const response = await fetch(${JSON.stringify(url)}, ${options});\nconsole.log(response.status, await response.text());`;
}

function wscat({ url, others, offered }) {
  return inLines([`wscat -c ${quote(url)}`, ...offered.map((one) => `-s ${quote(one)}`), ...headerOptions(others)]);
}

function websocat({ url, others, offered }) {
  const protocol = offered.length ? [`--protocol ${quote(offered.join(", "))}`] : [];
  // With the URL after them, websocat would read it as one more header.
  return inLines([`websocat ${quote(url)}`, ...protocol, ...headerOptions(others)]);
}

/** Moves a token from the header, which a browser cannot set, into the subprotocols. */
function webSocketCode({ url, others, offered }) {
  const [, token] = others.find(([name]) => name.toLowerCase() === "authorization")?.[1].match(/^bearer +(.*)/i) ?? [];
  const subprotocols = offered.length ? offered : token ? ["bearer", token] : [];
  const list = subprotocols.length ? `, ${JSON.stringify(subprotocols)}` : "";
  return `const socket = new WebSocket(${JSON.stringify(url)}${list});
socket.onopen = () => socket.send("hello");
socket.onmessage = ({ data }) => console.log(data);
socket.onclose = ({ code }) => console.log("closed", code);`;
}

const HTTP = {
  curl: { title: "curl", write: curl },
  fetch: {
    title: "JavaScript",
    write: fetchCode,
    note: "For Node. A page of another origin also needs an API that answers with CORS headers; this one does not.",
  },
};
const WEBSOCKET = {
  wscat: { title: "wscat", write: wscat },
  websocat: { title: "websocat", write: websocat },
  browser: {
    title: "browser",
    write: webSocketCode,
    note: "A browser cannot set headers on a WebSocket, so the token is a subprotocol.",
  },
};

/** The languages in which a request can be copied. */
export const languagesOf = ({ api }) => (api === "websocket" ? WEBSOCKET : HTTP);

/** Which language was chosen last. */
const chosen = new Map();
export const languageOf = (request) => chosen.get(languagesOf(request)) ?? Object.keys(languagesOf(request))[0];
export const choose = (request, language) => chosen.set(languagesOf(request), language);

/** Writes a request in the chosen language. */
export const commandOf = (request) => languagesOf(request)[languageOf(request)].write(partsOf(request));

/** Finds the request's token, if the built-in issuer signed it. Its signature is not checked. */
function issuedToken({ request }) {
  const [token, payload] = JSON.stringify([request.headers, request.query]).match(/eyJ[\w-]+\.([\w-]+)\.[\w-]+/) ?? [];
  if (!token) return undefined;
  try {
    const { iss, exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return iss === setup.issuer_url ? { token, expires: exp * 1000 } : undefined;
  } catch {
    return undefined;
  }
}

/** Says what someone should know who pastes the command. */
export function notesOf(request) {
  const { note } = languagesOf(request)[languageOf(request)];
  const issued = issuedToken(request);
  const minutes = issued && Math.floor((issued.expires - Date.now()) / 60_000);
  const life = issued && issued.expires > request.at &&
    (minutes > 0 ? `The token expires in ${minutes} min.` : "The token has expired. The copy gets a new one.");
  return [note, life].filter(Boolean).join(" ");
}

/** Writes a request with a new token, if its token was valid when it was sent and is not any more. */
export async function pastableCommand(request) {
  const text = commandOf(request);
  const issued = issuedToken(request);
  if (!issued || issued.expires > Date.now() || issued.expires <= request.at) return text;
  const { token } = await post("/token", { kind: "good" });
  return text.replaceAll(issued.token, token);
}
