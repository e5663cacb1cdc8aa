// Words for durations and for close codes.

/** Writes a duration in milliseconds as a person would. */
export function inWords(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** What the close codes of a WebSocket mean here. */
export const CLOSE_CODES = {
  1000: "closed normally",
  1001: "going away: a limit of API Gateway was reached, or the page was closed",
  1002: "the client broke the WebSocket protocol",
  1003: "the client sent a binary message, which API Gateway does not accept",
  1005: "the client closed it, and gave no code",
  1006: "the connection was lost, without a close message",
  1009: "a message over 128 kB, or a frame over 32 kB",
};
