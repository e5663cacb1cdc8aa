// What the tests of local-gateway's page share: the page in headless Chromium, with the real function.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { TIMEOUT_MS, readUntil, start, startBrowser } from "../chromium.mjs";

export let browser;
/** The addresses that local-gateway prints: of the page, the issuer and the REST API. */
export const addresses = {};

before(async () => {
  const rules = JSON.stringify({ "$connect": [], "* /orders": [], "DELETE /orders": ["admin"] });
  const options = ["--port", "0", "--set", `AUTHORIZER_ROUTE_RULES=${rules}`];
  const message = await readUntil(start(process.env.LOCAL_GATEWAY, options, "SIGINT"), /follows\.$/);
  for (const [name, pattern] of [["issuer", /^issuer +(\S+)$/m], ["restApi", /^REST API +(\S+)$/m], ["page", /^page +(\S+)$/m]]) {
    addresses[name] = message.match(pattern)[1];
  }
  browser = await startBrowser(addresses.page);
});

export const scenario = (name, run) => test(name, { timeout: TIMEOUT_MS }, run);

/** Checks that these links lead to sections of the documentation. */
export async function leadsToSections(links, expected) {
  assert.deepEqual(links, expected.map((link) => `${addresses.page}${link}`));
  for (const link of links) {
    const html = await (await fetch(link)).text();
    assert.ok(html.includes(`id="${new URL(link).hash.slice(1)}"`), link);
  }
}

/** Fills in the form, sends, and returns what the page then shows. */
export async function send(fields) {
  const count = await browser.run(async function (fields) {
    const form = document.getElementById("send");
    const count = document.querySelectorAll("#requests > :not(.on-connection)").length;
    const { api, stage, ...others } = fields;
    [...form.elements.api].find(({ value }) => value === api).click();
    // Without one, it is the API's first stage.
    form.elements.stage.value = stage ?? form.elements.stage.options[0].value;
    for (const [name, value] of Object.entries(others)) form.elements[name].value = value;
    form.dispatchEvent(new Event("change"));
    form.requestSubmit();
    return count;
  }, fields);
  return shownAfter(count);
}

/** Waits for a further request and its explanation, and returns what the page shows. */
export function shownAfter(count) {
  return browser.run(function (count) {
    const read = () => {
      const words = (station) => {
        const [, name, fact, state] = [...station.children].map((child) => child.textContent);
        return `${name}: ${fact}, ${state}`;
      };
      const newest = document.querySelector("#requests button");
      const stations = [...document.querySelectorAll(".station")];
      const panel = document.getElementById("panel").innerText;
      const isShown = document.querySelectorAll("#requests > :not(.on-connection)").length > count
        && newest.getAttribute("aria-current") === "true"
        && document.getElementById("panel").ariaBusy === "false";
      if (!isShown) return undefined;
      const selected = stations.findIndex((station) => station.ariaSelected === "true");
      const shown = {
        verdict: document.getElementById("verdict").textContent,
        stations: stations.map(words),
        selected: words(stations[selected]),
        panel,
      };
      shown.trap = document.getElementById("trap").textContent;
      shown.links = [...document.querySelectorAll("#selected a")].filter((link) => link.checkVisibility()).map(({ href }) => href);
      stations[0].click();
      shown.command = document.querySelector("#panel pre")?.textContent;
      document.getElementById(`station-${selected}`).click();
      return shown;
    };
    return new Promise((resolve) => {
      const look = () => {
        const shown = read();
        if (!shown) return;
        observer.disconnect();
        resolve(shown);
      };
      const observer = new MutationObserver(look);
      observer.observe(document.body, { childList: true, subtree: true, attributes: true });
      look();
    });
  }, count);
}

/** Presses a button, or fills in and submits a form. Returns what the page says of it. */
export function change(id, fields) {
  return browser.run(function (id, fields) {
    const control = document.getElementById(id);
    control.closest("details").open = true;
    if (fields) {
      for (const [name, value] of Object.entries(fields)) control.elements[name].value = value;
      control.dispatchEvent(new Event("change"));
      control.requestSubmit();
    } else {
      control.click();
    }
    const [done, failed] = ["done", "failed"].map((id) => document.getElementById(id));
    return new Promise((resolve) => {
      const look = () => {
        const said = done.textContent || failed.textContent;
        if (said) resolve(`${failed.textContent ? failed.role : done.role}: ${said}`);
      };
      const observer = new MutationObserver(look);
      for (const place of [done, failed]) observer.observe(place, { childList: true });
    });
  }, id, fields);
}
