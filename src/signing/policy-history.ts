// Owns: how a tree's own policy may change: from one to the next when the quorum of the one before signed the next, and only
// to a higher serial. Policies that were signed are kept, so that who missed one can still follow.
//
//   SIGNATURES/_policy/SERIAL.json         the bundle of trust.ts
//   SIGNATURES/_policy@sha256=HEX/…        signatures over its digest

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Claim } from '../../oci/signature/claim.ts';
import { listSignatures, signatureFolder } from '../../oci/signature/lookaside.ts';
import { countSignatures, type Tally } from '../../oci/signature/quorum.ts';
import { BuildError } from '../errors.ts';
import { showPath } from '../recipe/recipe.ts';
import { writeNewFile } from './new-file.ts';
import { serialsIn } from './release.ts';
import { parseTrustBundle, type TrustPolicy } from './trust.ts';

export function policyClaim({ repository, digest }: TrustPolicy): Claim {
  return { kind: 'policy', name: repository, digest };
}

/** Keeps a policy beside its signatures. Throws BuildError CHECK_FAILED when another one has its serial. */
export function keepPolicy(root: string, policy: TrustPolicy): void {
  const folder = join(root, '_policy');
  const path = join(folder, `${policy.serial}.json`);
  const kept = readIfThere(path);
  if (kept === policy.bundle) return;
  if (kept !== undefined) {
    throw new BuildError('CHECK_FAILED', `another policy has had serial ${policy.serial}`, {
      got: showPath(path),
      hint: `raise serial in ${policy.file}`,
    });
  }
  mkdirSync(folder, { recursive: true });
  writeNewFile(path, policy.bundle, 0o644);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether a policy's quorum signed another policy. */
export async function countPolicy(root: string, judge: TrustPolicy, next: TrustPolicy, now: Date): Promise<Tally> {
  const claim = policyClaim(next);
  return countSignatures(listSignatures(root, signatureFolder(claim)), claim, judge.quorum, now);
}

/**
 * Holds a tree's policy to the one that was accepted last: it must be the same, or be reached from it in steps of which each
 * is signed by the quorum of the step before. Throws BuildError SIGNATURE, naming the step that nobody vouches for.
 */
export async function requireSuccession(
  root: string,
  accepted: TrustPolicy,
  current: TrustPolicy,
  now: Date,
): Promise<void> {
  if (accepted.digest === current.digest) return;
  if (current.serial <= accepted.serial) {
    throw new BuildError('SIGNATURE', `${current.file} is not the policy that was accepted, and not a later one`, {
      want: `${accepted.digest}, or a serial above ${accepted.serial}`,
      got: `${current.digest}, serial ${current.serial}`,
      hint: 'somebody took the tree back, or changed the policy without raising its serial',
    });
  }
  const between = serialsIn(join(root, '_policy')).filter(
    (serial) => serial > accepted.serial && serial < current.serial,
  );
  const steps: TrustPolicy[] = [];
  for (const serial of between) {
    const path = join(root, '_policy', `${serial}.json`);
    steps.push(await parseTrustBundle(readFileSync(path, 'utf8'), showPath(path)));
  }
  steps.push(current);
  const reached = [accepted];
  let last: Tally | undefined;
  for (const step of steps) {
    for (const from of reached) {
      if (from.serial >= step.serial || from.repository !== step.repository) continue;
      last = await countPolicy(root, from, step, now);
      if (!last.isMet) continue;
      reached.push(step);
      break;
    }
  }
  if (reached.includes(current)) return;
  throw new BuildError(
    'SIGNATURE',
    `${current.file} changed, and the signers of the policy before did not sign the change`,
    {
      want: `${accepted.quorum.count} signatures over ${current.digest} by signers of serial ${accepted.serial}`,
      got:
        last === undefined
          ? 'none'
          : `${last.signers.length} (${last.signers.map(({ name }) => name).join(', ') || 'none'})`,
      hint: 'they sign it with `ocibuild sign --policy`',
    },
  );
}
