// A process that starts a mount shell for the store DIRECTORY and stays: mount-shell-holder.mjs DIRECTORY prints `up`.
import { register } from 'node:module';

register('./typescript-loader.mjs', import.meta.url);
const { MountShell } = await import('../../../src/snapshot/mount-shell.ts');

const [directory] = process.argv.slice(2);
const shell = new MountShell(directory, directory);
process.stdout.write('up\n');
setInterval(() => shell, 60_000);
