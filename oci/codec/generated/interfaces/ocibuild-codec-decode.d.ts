/** @module Interface ocibuild:codec/decode@1.0.0 **/
/**
 * # Variants
 * 
 * ## `"gzip"`
 * 
 * ## `"xz"`
 * 
 * ## `"bzip2"`
 * 
 * ## `"zstd"`
 * 
 * ## `"lzip"`
 */
export type Format = 'gzip' | 'xz' | 'bzip2' | 'zstd' | 'lzip';
/**
 * # Variants
 * 
 * ## `"not-this-format"`
 * 
 * ## `"damaged"`
 * 
 * ## `"cut-short"`
 * 
 * ## `"trailing"`
 * 
 * ## `"too-much-memory"`
 * 
 * ## `"unsupported"`
 */
export type Fault = 'not-this-format' | 'damaged' | 'cut-short' | 'trailing' | 'too-much-memory' | 'unsupported';

export class Decoder {
  constructor(format: Format)
  write(compressed: Uint8Array): void;
  read(): Uint8Array;
  end(): void;
}
