export interface AssembledLine {
  file: string;
  line: number;
  text: string;
  address: number;
  bytes: number[];
}
export interface Assembled {
  lines: AssembledLine[];
  /** By name; a name that begins with a dot has the label it belongs to before it. */
  symbols: Map<string, { value: bigint; known: boolean }>;
  bytes: Buffer;
}
export const TABLE: readonly { mnemonic: string; kinds: string; immediate: number | 'r' }[];
export function assemble(files: readonly string[]): Assembled;
export function annotate(file: string): string;
