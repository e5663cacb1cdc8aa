// The page of local-gateway. There is no build step: the browser runs these modules as they are.

import "./authorizer.js";
import "./issuer.js";
import "./lambda.js";
import "./socket.js";
import { element } from "./dom.js";
import { addToList, isNothingSelected, refresh, select, viewOf } from "./show.js";
import { requests } from "./state.js";

let run;
let selecting;

const events = new EventSource("/requests");
events.addEventListener("open", () => {
  element("connection").textContent = "live";
  element("connection").classList.add("live");
});
events.addEventListener("error", () => {
  element("connection").textContent = "local-gateway is not running";
  element("connection").classList.remove("live");
});
events.addEventListener("run", ({ data }) => {
  if (run && run !== data) location.reload();
  run = data;
});
events.addEventListener("request", ({ data }) => {
  const request = read(data);
  if (!request) return;
  // At the start, many come at once. Only the last one of them is shown.
  clearTimeout(selecting);
  selecting = setTimeout(() => (element("follow").checked || isNothingSelected()) && select(request.number), 20);
});
// Events of a connection are not selected, so that the request that opened it stays.
events.addEventListener("connection", ({ data }) => {
  const event = read(data);
  if (event) refresh(event.connection.handshake);
});

/** Adds what happened to the list, unless it is already there. */
function read(data) {
  const request = JSON.parse(data);
  if (requests.has(request.number)) return undefined;
  requests.set(request.number, request);
  addToList(request);
  element("none").hidden = true;
  const { title, status, why } = viewOf(request);
  element("announcement").textContent = `#${request.number}, ${title}: ${status} ${why}`;
  return request;
}
