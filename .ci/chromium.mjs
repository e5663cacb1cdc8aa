// What tests in headless Chromium share: starting programs, the browser, and the end.
// ChromeDriver controls the browser: https://www.w3.org/TR/webdriver2/

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";

/** A step that takes longer than this has failed. */
export const TIMEOUT_MS = 30_000;

const cleanups = [];
/** Runs `cleanup` at the end, before those that were added earlier. */
export const atEnd = (cleanup) => cleanups.unshift(cleanup);

after(async () => {
  for (const cleanup of cleanups) {
    try {
      await cleanup();
    } catch (error) {
      console.error("a cleanup failed:", error);
    }
  }
});

/** Starts the browser and opens `page`. Returns how to use it. */
export async function startBrowser(page) {
  const profile = await mkdtemp(join(tmpdir(), "browser-"));
  atEnd(() => rm(profile, { recursive: true, maxRetries: 10 }));
  const lines = start("chromedriver", ["--port=0"], "SIGKILL");
  const started = /started successfully on port (\d+)/;
  const [, port] = (await readUntil(lines, started)).match(started);
  const driver = `http://127.0.0.1:${port}`;
  const args = [
    "--headless",
    // The browser ends when ChromeDriver does.
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    `--user-data-dir=${profile}`,
  ];
  const { sessionId } = await command("POST", `${driver}/session`, {
    capabilities: {
      alwaysMatch: { timeouts: { script: TIMEOUT_MS }, "goog:chromeOptions": { args } },
    },
  });
  const session = `${driver}/session/${sessionId}`;
  atEnd(() => command("DELETE", session));
  const open = (url) => command("POST", `${session}/url`, { url });
  await open(page);
  return {
    /** Opens another page. */
    open,
    /** Calls a function in the page. WebDriver waits for its promise. */
    run: (call, ...args) =>
      command("POST", `${session}/execute/sync`, { script: `return (${call})(...arguments)`, args }),
    /** Presses keys one after the other. */
    press: (...keys) => {
      const actions = keys.flatMap((value) => ["keyDown", "keyUp"].map((type) => ({ type, value })));
      return command("POST", `${session}/actions`, { actions: [{ type: "key", id: "keyboard", actions }] });
    },
    /** Sends a command of the DevTools Protocol. */
    devTools: (cmd, params = {}) => command("POST", `${session}/goog/cdp/execute`, { cmd, params }),
  };
}

/** Sends a WebDriver command. Returns the result's value. */
export async function command(method, url, parameters) {
  const body = parameters && JSON.stringify(parameters);
  const response = await fetch(url, { method, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

/** Starts a program, which gets `signal` at the end. Returns the lines of its standard output. */
export function start(program, args, signal) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  atEnd(() => {
    child.kill(signal);
    return exited;
  });
  return createInterface({ input: child.stdout });
}

/** Returns the lines up to the one that matches `last`. Fails if the program ends or is late. */
export function readUntil(lines, last) {
  return new Promise((resolve, reject) => {
    let text = "";
    const fail = () => reject(new Error(`no line matched ${last}. The program printed:\n${text}`));
    const timer = setTimeout(fail, TIMEOUT_MS);
    lines.on("close", fail).on("line", (line) => {
      text += `${line}\n`;
      if (!last.test(line)) return;
      clearTimeout(timer);
      resolve(text);
    });
  });
}
