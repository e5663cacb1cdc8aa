// The page of local-gateway. There is no build step: the browser runs these modules as they are.

import "./controls.js";
import "./socket.js";
import { element } from "./dom.js";
import { reasonOf, routeOf } from "./reasons.js";
import { addToList, isNothingSelected, select } from "./show.js";
import { API_TITLES, requests } from "./state.js";

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
  const request = JSON.parse(data);
  if (requests.has(request.number)) return;
  requests.set(request.number, request);
  addToList(request);
  element("none").hidden = true;
  // At the start, many come at once. Only the last one of them is shown.
  clearTimeout(selecting);
  selecting = setTimeout(() => (element("follow").checked || isNothingSelected()) && select(request.number), 20);
  element("announcement").textContent =
    `Request ${request.number}, ${API_TITLES[request.api]} ${routeOf(request)}: ${request.answer.status} ${reasonOf(request) ?? "allowed"}`;
});
