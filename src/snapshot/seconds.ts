// Owns: a modification time as a layer writes it: whole seconds, cut down to an epoch.

/** Rounded down, before 1970 too. */
export function wholeSeconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000_000n) - (nanoseconds % 1_000_000_000n < 0n ? 1 : 0);
}

/** min(time, epoch). */
export function clampedSeconds(nanoseconds: bigint, epoch: number): number {
  return Math.min(wholeSeconds(nanoseconds), epoch);
}
