// A WebSocket of this browser. It can send the token as a subprotocol only.

import { chosenToken } from "./controls.js";
import { element, post } from "./dom.js";
import { apiOf } from "./state.js";

let socket;

element("connect").addEventListener("click", async () => {
  socket?.close();
  socket = undefined;
  const status = element("socket");
  element("talk").hidden = false;
  element("replies").textContent = "";
  status.textContent = "connecting…";
  try {
    const { token } = await post("/token", chosenToken());
    const opened = socket = new WebSocket(apiOf("websocket").url, ["bearer", token]);
    opened.addEventListener("open", () => {
      status.textContent = `open, with the subprotocol ${opened.protocol || "none"}`;
    });
    opened.addEventListener("message", ({ data }) => {
      element("replies").textContent = JSON.stringify(JSON.parse(data), null, 2);
    });
    opened.addEventListener("close", ({ code }) => {
      const hidden = code === 1006 ? " A page sees no more of a refusal." : "";
      if (opened === socket) status.textContent = `closed with code ${code}.${hidden}`;
    });
  } catch (error) {
    status.textContent = error.message;
  }
});
element("close").addEventListener("click", () => socket?.close());
element("talk").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket?.readyState === WebSocket.OPEN) socket.send(event.target.elements.text.value);
});
