// The shell that mounts ends with the process it was started for, however that one ends.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test, vi } from 'vitest';

const HOLDER = fileURLToPath(new URL('./mount-shell-holder.mjs', import.meta.url));
const directory = realpathSync(mkdtempSync(join(tmpdir(), 'ocibuild-mount-shell-')));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Command lines of what works in the directory, as the shell does in its store. */
function processesThere(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        const isThere = readlinkSync(`/proc/${pid}/cwd`) === directory;
        return isThere ? [readFileSync(`/proc/${pid}/cmdline`, 'latin1')] : [];
      } catch {
        return []; // ended meanwhile, or another user's
      }
    });
}

test('a killed process leaves no shell behind', { timeout: 60_000 }, async () => {
  const holder = spawn(process.execPath, [HOLDER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(holder, 'close');
  try {
    await once(holder.stdout, 'data');
    expect(processesThere()).toEqual([expect.stringMatching(/^sh\0/)]);
  } finally {
    holder.kill('SIGKILL');
    await gone;
  }
  await vi.waitFor(() => expect(processesThere()).toEqual([]), { timeout: 20_000 });
});
