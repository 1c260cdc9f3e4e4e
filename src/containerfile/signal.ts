// Owns: the names STOPSIGNAL knows.

const NAMES = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU ' +
    'UNUSED URG USR1 USR2 VTALRM WINCH XCPU XFSZ'
  ).split(' '),
);

/** A number from 1 to 64, or a name with or without SIG: TERM, SIGTERM, RTMIN+3. Case does not count. */
export function isSignal(text: string): boolean {
  if (/^[0-9]+$/.test(text)) return Number(text) >= 1 && Number(text) <= 64;
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (NAMES.has(name) || name === 'RTMIN' || name === 'RTMAX') return true;
  const real = /^RT(MIN\+|MAX-)([0-9]{1,2})$/.exec(name);
  return real !== null && Number(real[2]) >= 1 && Number(real[2]) <= (real[1] === 'MIN+' ? 15 : 14);
}
