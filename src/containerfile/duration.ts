// Owns: Go's duration syntax, which HEALTHCHECK speaks.

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
/** Nanoseconds; about 292 years. Go's type holds less than that. */
const TOO_LONG = 2 ** 63;

/**
 *     duration = ['+' | '-'] ('0' | (number unit)+)
 *     number   = digit* ['.' digit*]       at least one digit
 *     unit     = 'ns' | 'us' | 'µs' | 'ms' | 's' | 'm' | 'h'
 *
 * Nanoseconds, rounded down; undefined when it is no duration.
 */
export function parseDuration(text: string): number | undefined {
  const signed = /^([+-]?)(.+)$/s.exec(text);
  if (signed === null) return undefined;
  const sign = signed[1] === '-' ? -1 : 1;
  const magnitude = signed[2]!;
  if (magnitude === '0') return 0;
  const part = /([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)/y;
  let total = 0;
  while (part.lastIndex < magnitude.length) {
    const match = part.exec(magnitude);
    if (match === null || (match[1] === '' && (match[2] ?? '') === '')) return undefined;
    const unit = NANOSECONDS[match[3]!]!;
    total += Number(match[1]) * unit + Math.floor(Number(`0.${match[2] ?? ''}0`) * unit);
    if (total >= TOO_LONG) return undefined;
  }
  return sign * total;
}
