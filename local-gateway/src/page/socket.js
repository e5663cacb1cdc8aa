// A WebSocket of this browser. It can send the token as a subprotocol only.

import { chosenToken } from "./controls.js";
import { asJson, element, post } from "./dom.js";
import { apiOf } from "./state.js";
import { CLOSE_CODES } from "./words.js";

let socket;

/** Says what the page learns of the end, which is little if the handshake was refused. */
function endText(code, reason, wasOpen) {
  if (!wasOpen) return `The handshake failed, close code ${code}. A page sees neither the status nor the reason: they are in the list of requests.`;
  return `The connection ended, close code ${code}: ${CLOSE_CODES[code] ?? "a code of its own"}.${reason ? ` Reason: ${reason}.` : ""}`;
}

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
    let wasOpen = false;
    opened.addEventListener("open", () => {
      wasOpen = true;
      status.textContent = `open, with the subprotocol ${opened.protocol || "none"}`;
    });
    opened.addEventListener("message", ({ data }) => {
      const message = asJson(data);
      element("replies").textContent = typeof message === "string" ? message : JSON.stringify(message, null, 2);
    });
    opened.addEventListener("close", ({ code, reason }) => {
      if (opened === socket) status.textContent = endText(code, reason, wasOpen);
    });
  } catch (error) {
    status.textContent = error.message;
  }
});
element("close").addEventListener("click", () => socket?.close());
element("talk").elements.route.addEventListener("change", ({ target }) => {
  element("talk").elements.text.value = target.value;
});
element("talk").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket?.readyState === WebSocket.OPEN) socket.send(event.target.elements.text.value);
});
