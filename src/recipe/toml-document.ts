// Owns: a TOML text as something to ask for values of a type, each refusal with the line of the key. Knows no key by name.

import { parse as parseToml, TomlError, type TomlTable } from 'smol-toml';
import { BuildError, type SourceLocation } from '../errors.ts';
import { didYouMean } from './near-miss.ts';
import { locateToml, type TomlLines, type TomlPath } from './toml-location.ts';

/** One TOML document with its lines: the readers below ask it for values of a type and for locations. */
export class Document {
  readonly file: string;
  readonly root: TomlTable;
  private readonly text: string;
  private lines: TomlLines | undefined;

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
    this.root = readToml(text, file);
  }

  /** Lines are looked for when first needed; a sound file with no sources never pays for it. */
  at(...path: TomlPath): SourceLocation {
    this.lines ??= locateToml(this.text);
    return { file: this.file, line: this.lines.lineOf(path) };
  }

  fail(path: TomlPath, message: string, detail: { want?: string; got?: string; hint?: string } = {}): never {
    throw new BuildError('RECIPE', message, { ...detail, location: this.at(...path) });
  }

  /** The value at the path, own properties only. */
  private get(path: TomlPath): unknown {
    let value: unknown = this.root;
    for (const key of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      value = (value as Record<string | number, unknown>)[key];
    }
    return value;
  }

  table(...path: TomlPath): Record<string, unknown> | undefined {
    const value = this.get(path);
    if (value === undefined) return undefined;
    if (!isTable(value))
      this.fail(path, `${path.join('.')} is no table`, { want: `[${path.join('.')}]`, got: show(value) });
    return value;
  }

  checkKeys(path: TomlPath, table: Record<string, unknown>, known: readonly string[]): void {
    for (const key of Object.keys(table)) {
      if (known.includes(key)) continue;
      const where = path.length === 0 ? 'a package.toml' : `[${path.join('.')}]`;
      this.fail([...path, key], `unknown key ${JSON.stringify(key)} in ${where}`, {
        hint: didYouMean(key, known) ?? `known are ${known.join(', ')}`,
      });
    }
  }

  string(...path: TomlPath): string | undefined {
    const value = this.get(path);
    if (value === undefined || typeof value === 'string') return value;
    return this.fail(path, `${path.at(-1)} is no text`, { want: 'text in quotes', got: show(value) });
  }

  integer(...path: TomlPath): number | undefined {
    const value = this.get(path);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    return this.fail(path, `${path.at(-1)} is no count`, { want: 'a whole number from 0', got: show(value) });
  }

  strings(...path: TomlPath): string[] {
    const value = this.get(path);
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      return this.fail(path, `${path.at(-1)} is no list`, { want: 'a list of texts', got: show(value) });
    }
    for (const [index, element] of value.entries()) {
      if (typeof element === 'string' && element !== '') continue;
      this.fail([...path, index], `${path.at(-1)} holds what is no text`, { want: 'texts', got: show(element) });
    }
    return value as string[];
  }

  /** One of a few words. */
  choice<Word extends string>(words: readonly Word[], ...path: TomlPath): Word | undefined {
    const value = this.string(...path);
    if (value === undefined || words.includes(value as Word)) return value as Word | undefined;
    return this.fail(path, `${path.at(-1)} is none of its words`, {
      want: words.map((word) => JSON.stringify(word)).join(' or '),
      got: show(value),
    });
  }
}

/** Parses TOML. Throws BuildError RECIPE with the line for a text that is none. */
export function readToml(text: string, file: string): TomlTable {
  try {
    return parseToml(text);
  } catch (error) {
    const line = error instanceof TomlError ? error.line : 1;
    const reason = error instanceof Error ? error.message.split('\n', 1)[0]! : String(error);
    throw new BuildError('RECIPE', reason, { location: { file, line }, cause: error });
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

export function show(value: unknown): string {
  if (value instanceof Date) return 'a date';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
