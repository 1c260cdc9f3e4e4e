// Owns: a modification time as a layer writes it: whole seconds, cut down to an epoch.

let last = { nanoseconds: 0n, seconds: 0 };

/** Rounded down, before 1970 too. */
export function wholeSeconds(nanoseconds: bigint): number {
  // Most entries of a layer have one and the same time.
  if (nanoseconds !== last.nanoseconds) last = { nanoseconds, seconds: secondsOf(nanoseconds) };
  return last.seconds;
}

function secondsOf(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000_000n) - (nanoseconds % 1_000_000_000n < 0n ? 1 : 0);
}

/** min(time, epoch). */
export function clampedSeconds(nanoseconds: bigint, epoch: number): number {
  return Math.min(wholeSeconds(nanoseconds), epoch);
}
