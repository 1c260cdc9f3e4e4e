// Owns: giving the event loop a turn during long synchronous work, so that signals and timers are seen meanwhile.

/** Work done between two turns: bytes read, hashed or written. Tens of milliseconds. */
export const TURN_BYTES = 32 << 20;

/** Resolves after everything that waits now had its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
