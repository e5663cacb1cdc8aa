// A change that one of the controls asks for.

import { element, post } from "./dom.js";

/** Asks for a change, and says below the controls what came of it. Returns the answer, or nothing. */
export async function change(path, body, done, refused = "") {
  element("done").textContent = element("failed").textContent = "";
  try {
    const result = await post(path, body);
    element("done").textContent = done;
    return result;
  } catch (error) {
    element("failed").textContent = `${refused}${error.message}`;
    return undefined;
  }
}
