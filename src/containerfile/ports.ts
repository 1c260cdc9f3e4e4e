// Owns: the port words of EXPOSE.

import type { SourceLocation } from '../errors.ts';
import { refuse, shown } from './fault.ts';

/**
 *     word  = [[ip ':'] [host] ':'] range ['/' protocol]         what stands before the container's ports is for `run -p` and dropped
 *     range = port ['-' port]
 *
 * Returns single ports as the image config names them, `80/tcp`, in order, each once. Throws BuildError PARSE.
 */
export function exposedPorts(words: readonly string[], at: SourceLocation = { file: 'EXPOSE', line: 1 }): string[] {
  const ports = new Set<string>();
  for (const word of words) {
    const match = /^(?:.*:)?([0-9]+)(?:-([0-9]+))?(?:\/([A-Za-z]+))?$/.exec(word);
    const bad = (want: string): never => refuse(at, 'EXPOSE', { want, got: shown(word) });
    if (match === null) bad('a port, or two and a dash, then /tcp, /udp, /sctp or nothing');
    const [, low, high, proto = 'tcp'] = match!;
    const protocol = proto.toLowerCase();
    if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') bad('a port of tcp, udp or sctp');
    const first = Number(low);
    const last = high === undefined ? first : Number(high);
    if (last > 65535) bad('ports up to 65535');
    if (last < first) bad('a range that goes upwards');
    for (let port = first; port <= last; port++) ports.add(`${port}/${protocol}`);
  }
  return [...ports];
}
