// Owns: sources of `format = "hex"`: programs written down byte by byte, with the reasons beside them.
//
//   text = { line "\n" }          line = { byte } [ ( ";" | "#" ) comment ]
//   byte = two hex digits         separated by blanks; several bytes may be written together (`4883ec08`)
//
// There is nothing else: no labels, no addresses, no expressions. What is written is what runs.

import { BuildError, type SourceLocation } from '../errors.ts';

/**
 * Decodes commented hex text. `location` is that of the first line of the text.
 * Throws BuildError RECIPE with the line of a bad digit or of half a byte.
 */
export function decodeHexSource(text: string, location: SourceLocation): Buffer {
  const parts: Buffer[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const at: SourceLocation = { file: location.file, line: location.line + index };
    const code = line.replace(/[;#].*$/s, '');
    for (const word of code.split(/[ \t\r\f\v]+/)) {
      if (word === '') continue;
      const wrong = /[^0-9A-Fa-f]/u.exec(word);
      if (wrong !== null) {
        throw new BuildError('RECIPE', 'this is no hex text', {
          want: 'hex digits, blanks, and comments after ; or #',
          got: `${JSON.stringify(wrong[0])} in ${JSON.stringify(word.slice(0, 40))}`,
          location: at,
        });
      }
      if (word.length % 2 !== 0) {
        throw new BuildError('RECIPE', 'half a byte', {
          want: 'an even count of hex digits in every word',
          got: JSON.stringify(word.slice(0, 40)),
          location: at,
        });
      }
      parts.push(Buffer.from(word, 'hex'));
    }
  }
  return Buffer.concat(parts);
}
