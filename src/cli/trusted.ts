// Owns: `ocibuild trusted`: every byte that building recipes takes on trust.

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchEverything } from '../build/all-sources.ts';
import { checkoutDirectory, machineFiles, reportTrust, type TrustedFile, type TrustReport } from '../build/trusted.ts';
import { lower } from '../graph/lower.ts';
import { formatBytes } from '../progress/text.ts';
import type { Command } from './command.ts';
import { fetchSettings } from './fetch.ts';
import { counted, tableText } from './table.ts';
import { RECIPE_FLAGS, treeRequests } from './trees.ts';

export const command: Command = {
  name: 'trusted',
  summary: 'print every byte that is trusted and not built',
  usage: `RECIPE…
Packages of distribution roots, seeds, and what runs the build, each with size and digest. Every source of the recipes, and of
all they need, is fetched and searched for programs and libraries: ELF, ar, WebAssembly, Java, Python bytecode, PE, Mach-O,
LLVM bitcode, zip, and archives that cannot be read. Exit 1 when one is found that no [allow] binaries of a package.toml names.`,
  flags: {
    ...RECIPE_FLAGS,
    distfiles: { summary: 'look for sources in this folder first', value: 'DIR', repeatable: true },
    json: { summary: 'as {"roots","signers","seeds","agreements","sources","binaries","kernel","machine"}' },
  },
  needsNamespace: false,
  run: async (context) => {
    const { args, cwd, env } = context;
    const { requests, finder } = treeRequests(context);
    const given = args.list('distfiles').map((folder) => resolve(cwd, folder));
    const progress = context.openProgress();
    try {
      const files = await fetchEverything(requests, finder, fetchSettings(context, given, progress.watch));
      progress.close();
      const machine = machineFiles(env, checkoutDirectory(fileURLToPath(import.meta.url)));
      const report = reportTrust(lower(requests, finder), files, machine, (file) =>
        context.stderr.write(`searching ${file}\n`),
      );
      context.stdout.write(args.is('json') ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report));
      return report.binaries.some(({ allowedBy }) => allowedBy === undefined) ? 1 : 0;
    } finally {
      progress.close();
    }
  },
};

function reportText(report: TrustReport): string {
  const { roots, signers, seeds, agreements, sources, binaries, kernel, machine } = report;
  const parts: string[] = [];
  for (const { recipe, distribution, keys } of signers) {
    const title = `${recipe}, signed by ${distribution} with ${keys.join(' and ')}`;
    parts.push(
      block(
        title,
        roots.filter(({ from }) => from === recipe),
      ),
    );
  }
  for (const distribution of new Set(signers.map((each) => each.distribution))) {
    const names = signers.filter((each) => each.distribution === distribution).map(({ recipe }) => recipe);
    if (names.length > 1) parts.push(`${names.join(' and ')} have one signer, ${distribution}: no two witnesses\n`);
  }
  if (seeds.length > 0) parts.push(block('seeds, written down by hand', seeds));
  for (const { recipe, origins } of agreements) {
    parts.push(`${recipe} is the same from each of ${origins.join(', ')}\n`);
  }
  const bytes = formatBytes(sources.reduce((sum, { size }) => sum + size, 0));
  const found =
    binaries.length === 0 ? 'nothing but text in them' : `${counted(binaries.length, 'file')} in them no text:`;
  const cells = binaries.map(({ source, path, kind, size, digest, allowedBy }) => [
    `  ${source}${path === '' ? '' : `/${path}`}`,
    kind,
    formatBytes(size),
    digest,
    allowedBy === undefined ? 'NOT ALLOWED' : 'allowed',
  ]);
  parts.push(`sources: ${counted(sources.length, 'file')}, ${bytes}; ${found}\n${tableText(cells, [2])}`);
  parts.push(`this machine\n  ${kernel}\n${table(machine)}`);
  return parts.join('\n');
}

function block(title: string, files: readonly TrustedFile[]): string {
  const bytes = formatBytes(files.reduce((sum, { size }) => sum + size, 0));
  return `${title}: ${counted(files.length, 'file')}, ${bytes}\n${table(files)}`;
}

function table(files: readonly TrustedFile[]): string {
  return tableText(
    files.map(({ file, size, digest }) => [`  ${file}`, formatBytes(size), digest]),
    [1],
  );
}
