// Owns: one .apk: held to the index that lists it and to its own signature. Scripts are never looked at.
//
//   index --C: sha1--> control member --datahash: sha256--> data member

import { createHash, type KeyObject } from 'node:crypto';
import { BuildError } from '../../errors.ts';
import type { AlpineSpec } from '../types.ts';
import type { ApkPackage } from './index-file.ts';
import { readSigned, type Signed } from './segments.ts';
import { requireSignatures } from './signature.ts';

/** Where a package lies below the archive's root. */
export function pathOf(item: Pick<ApkPackage, 'folder' | 'name' | 'version'>): string {
  return `${item.folder}/${item.name}-${item.version}.apk`;
}

/** Throws BuildError SIGNATURE or CHECK_FAILED unless the file is the package its index lists, whole and signed. */
export function checkApk(spec: AlpineSpec, keys: readonly KeyObject[], item: ApkPackage, file: Buffer): void {
  const what = pathOf(item);
  const signed = readSigned(file, what);
  requireSignatures(spec, keys, signed, what);
  const info = readInfo(signed, what);
  const agree = (field: string, want: string, got: string | undefined): void => {
    if (want !== got)
      throw new BuildError('CHECK_FAILED', `${what} has another ${field}`, { want, got: got ?? 'none' });
  };
  agree('size', String(item.size), String(file.length));
  agree('SHA-1 of its control member', item.control, createHash('sha1').update(signed.body).digest('hex'));
  agree('pkgname', item.name, info.get('pkgname'));
  agree('pkgver', item.version, info.get('pkgver'));
  agree('data', info.get('datahash') ?? 'a datahash', createHash('sha256').update(signed.rest).digest('hex'));
}

/** `name = value` lines of .PKGINFO; of names that repeat, which none of those used here may, the last counts. */
function readInfo(signed: Signed, what: string): ReadonlyMap<string, string> {
  const text = signed.files.get('.PKGINFO')?.toString('utf8');
  if (text === undefined) throw new BuildError('CHECK_FAILED', `${what} has no .PKGINFO`);
  const info = new Map<string, string>();
  for (const line of text.split('\n')) {
    const parts = /^([a-z_]+) = (.*)$/.exec(line);
    if (parts === null) continue;
    const [, name, value] = parts as unknown as [string, string, string];
    if (info.has(name) && ['pkgname', 'pkgver', 'datahash'].includes(name)) {
      throw new BuildError('CHECK_FAILED', `${what} says ${name} twice`);
    }
    info.set(name, value);
  }
  return info;
}
