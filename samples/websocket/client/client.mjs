// A WebSocket client for browsers. Copy this file: it has no dependencies and needs no build.

/** The client renews a token this long before its `exp`. */
const RENEWAL_MARGIN_MS = 30_000;
/** After a connection was open for this long, earlier failures no longer count. */
const STABLE_MS = 10_000;
/** Each delay is random. Its upper limit starts at the first value, and doubles up to the second. */
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;
/**
 * The client stops after this many failures in a row. A page cannot tell a refused handshake from an
 * outage. Until a connection opens, the likely cause is the token. Later, it is an outage. The
 * delays between 20 failures are about seven minutes.
 */
const MAX_FAILURES_BEFORE_FIRST_OPEN = 2;
const MAX_FAILURES = 20;

/**
 * Connects. Connects again when the connection closes, and before the token expires.
 *
 * @param {object} options
 * @param {string | URL} options.url
 * @param {(request: { renew: boolean }) => Promise<string | undefined>} options.getToken
 *   Returns a token; with `renew`, a new one from the issuer. Returns undefined if the user must
 *   sign in. Rejects if the issuer cannot be reached; the client then calls it again after a delay.
 * @param {(socket: WebSocket) => void} [options.onOpen] Called for each connection. The page loads
 *   here what it may have missed: messages that the backend sent between two connections are lost.
 * @param {(event: MessageEvent) => void} [options.onMessage]
 * @param {(cause: unknown, delayMs: number) => void} [options.onWait] Called before each delay, with
 *   the `CloseEvent` or the error of `getToken`.
 * @param {(cause: unknown) => void} [options.onStop] Called when the client gives up, with the last
 *   `CloseEvent`, the error of `new WebSocket`, or undefined if there was no token.
 */
export function connect({ url, getToken, onOpen, onMessage, onWait, onStop }) {
  /** @type {WebSocket | undefined} */
  let socket;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let reconnecting = false;
  let stopped = false;
  let hasOpened = false;
  let failures = 0;
  let delays = 0;

  attempt(false);
  return { send, close };

  /** Returns false, and sends nothing, while no connection is open. @param {string} message */
  function send(message) {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(message);
    return true;
  }

  function close() {
    stopped = true;
    clearTimeout(timer);
    socket?.close(1000);
    socket = undefined;
  }

  /** @param {unknown} [cause] */
  function stop(cause) {
    close();
    onStop?.(cause);
  }

  /** @param {boolean} renew */
  async function attempt(renew) {
    reconnecting = true;
    let token;
    try {
      token = await getToken({ renew });
      if (token && !renew && remainingMs(token) < RENEWAL_MARGIN_MS) {
        token = await getToken({ renew: true });
      }
    } catch (error) {
      return wait(error, renew);
    }
    if (stopped) return;
    if (!token) return stop();
    try {
      open(token);
    } catch (error) {
      stop(error);
    }
  }

  /** @param {string} token */
  function open(token) {
    const connection = new WebSocket(url, ["bearer", token]);
    socket?.close(1000);
    socket = connection;
    /** @type {number | undefined} */
    let openedAt;
    connection.onopen = () => {
      reconnecting = false;
      hasOpened = true;
      openedAt = Date.now();
      renewBeforeExpiry(token);
      onOpen?.(connection);
    };
    connection.onmessage = (event) => onMessage?.(event);
    connection.onclose = (event) => {
      // The client closed this connection, or is already replacing it.
      if (connection !== socket || (openedAt !== undefined && reconnecting)) return;
      if (openedAt !== undefined && Date.now() - openedAt >= STABLE_MS) failures = delays = 0;
      else failures += 1;
      if (failures >= (hasOpened ? MAX_FAILURES : MAX_FAILURES_BEFORE_FIRST_OPEN)) stop(event);
      // The handshake failed. One new token shows whether the token was the cause.
      else wait(event, openedAt === undefined && failures === 1);
    };
  }

  /** @param {string} token */
  function renewBeforeExpiry(token) {
    const delayMs = remainingMs(token) - RENEWAL_MARGIN_MS;
    // Without this limit, tokens with a short life would cause one connection after the other.
    if (!(delayMs >= STABLE_MS)) return;
    timer = setTimeout(() => {
      failures = delays = 0;
      attempt(true);
    }, Math.min(delayMs, 2 ** 31 - 1)); // setTimeout fires at once if a delay is longer.
  }

  /** @param {unknown} cause @param {boolean} renew */
  function wait(cause, renew) {
    if (stopped) return;
    clearTimeout(timer);
    const delayMs = Math.random() * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** delays++);
    timer = setTimeout(attempt, delayMs, renew);
    onWait?.(cause, delayMs);
  }
}

/** Returns the time until the token's `exp`, or NaN if it cannot be read. @param {string} token */
function remainingMs(token) {
  try {
    const claims = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    return claims.exp * 1000 - Date.now();
  } catch {
    return NaN;
  }
}
