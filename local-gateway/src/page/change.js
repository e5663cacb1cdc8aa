// A change that one of the controls asks for.

import { element, post } from "./dom.js";

const places = [element("done"), element("failed")];
for (const details of document.querySelectorAll(".changes details")) {
  details.addEventListener("toggle", () => {
    if (!details.open || details.contains(places[0])) return;
    for (const place of places) place.textContent = "";
    details.querySelector("summary").after(...places);
  });
}

/** Asks for a change, and says below the heading of the controls what came of it. Returns the answer, or nothing. */
export async function change(path, body, done, refused = "") {
  for (const place of places) place.textContent = "";
  try {
    const result = await post(path, body);
    element("done").textContent = done;
    return result;
  } catch (error) {
    element("failed").textContent = `${refused}${error.message}`;
    return undefined;
  }
}
