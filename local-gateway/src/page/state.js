// What the page knows: the APIs, the requests, and which one is selected.

export const API_TITLES = { websocket: "WebSocket", rest: "REST", http: "HTTP" };

export const setup = await (await fetch("/setup")).json();

/** Requests by number, with their explanations once they are known. */
export const requests = new Map();

/** Finds a stage of an API; without its name, the first one. */
export const apiOf = (name, stage) =>
  setup.apis.find((api) => api.name === name && (!stage || api.stage === stage));

/** Replaces what is known of a stage. */
export function replaceStage(changed) {
  setup.apis.splice(setup.apis.indexOf(apiOf(changed.name, changed.stage)), 1, changed);
}
