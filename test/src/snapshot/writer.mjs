// A process that lands a row of diffs, for tests with several of them: writer.mjs STORE SKELETON COUNT prints one diff a line.
import { register } from 'node:module';

register('./typescript-loader.mjs', import.meta.url);
const { openSnapshotStore } = await import('../../../src/snapshot/store.ts');
const { writeInto } = await import('../../../src/snapshot/copy.ts');

const [path, skeleton, count] = process.argv.slice(2);
const store = openSnapshotStore(path, { skeleton });
let snapshot = store.scratch();
for (let i = 0; i < Number(count); i++) {
  const workspace = store.begin(snapshot);
  writeInto(workspace, `/dir/file${i}`, Buffer.alloc(50_000, i), { mode: 0o644, owner: { uid: 0, gid: 0 }, time: 0 });
  const done = store.commit(workspace);
  snapshot = done.snapshot;
  process.stdout.write(`${done.diff}\n`);
}
store.flush();
store.close();
