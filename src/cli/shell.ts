// Owns: `ocibuild shell`: a look into the rootfs of a stage, or of the step that failed there. Nothing done in it is kept.

import { native } from '../../oci/profile.ts';
import type { OpenServices } from '../build/services.ts';
import { BuildError } from '../errors.ts';
import { lower } from '../graph/lower.ts';
import { type Graph, isLayerOp, type RunOp } from '../graph/op.ts';
import { createAssembler } from '../image/assemble.ts';
import type { OpId } from '../progress/event.ts';
import type { Snapshot } from '../snapshot/types.ts';
import { readFailedStep } from '../solver/failed-step.ts';
import { solveOps } from '../solver/solve.ts';
import { resolveUser, stepUser } from '../solver/user.ts';
import { SOLVE_FLAGS, servicesOf } from './build-flags.ts';
import type { Command } from './command.ts';
import { RECIPE_FLAGS, treeRequests } from './trees.ts';

/** What the shell starts in. */
interface Place {
  readonly snapshot: Snapshot;
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
}

export const command: Command = {
  name: 'shell',
  summary: 'open the rootfs of a stage, or of its failed step',
  usage: 'RECIPE [-- COMMAND…]\nWhat is changed in there is thrown away.',
  flags: {
    platform: RECIPE_FLAGS.platform,
    stage: { summary: 'stage name or number (the last)', value: 'STAGE' },
    network: { summary: 'network of the shell', value: 'MODE', choices: ['none', 'default', 'host'] },
    user: { summary: 'user to be, as USER has it', value: 'USER' },
    ...SOLVE_FLAGS,
  },
  operands: { min: 1, max: Number.POSITIVE_INFINITY },
  needsNamespace: true,
  run: async (context) => {
    const { args } = context;
    const names = args.operands.slice(0, args.operands.length - args.trailing.length);
    if (names.length !== 1) throw new BuildError('USAGE', 'a shell opens one recipe', { got: names.join(' ') });
    const { requests, finder } = treeRequests(context, { operands: names });
    const graph = lower(requests, finder);
    const progress = context.openProgress();
    try {
      const services = servicesOf(context, progress.watch);
      const place = await openPlace(graph, args.text('stage'), services, (text) => context.stderr.write(text));
      progress.close();
      const { snapshots } = services;
      const sandbox = await services.sandbox();
      const workspace = snapshots.begin(place.snapshot);
      try {
        const wanted = args.text('user') ?? place.user;
        const user = resolveUser(snapshots.view(place.snapshot), wanted, { file: names[0]!, line: 1 });
        const { status } = await sandbox.run(
          {
            id: `shell-${process.pid}`,
            rootfs: snapshots.mount(workspace),
            args: args.trailing.length > 0 ? args.trailing : ['/bin/sh'],
            env: place.env,
            cwd: place.cwd,
            user: stepUser(user, sandbox.hasIdRange),
            mounts: [],
            network: (args.text('network') as 'none' | 'default' | 'host' | undefined) ?? 'none',
            terminal: context.stdout.isTTY === true,
          },
          (stream, chunk) => (stream === 'stdout' ? context.stdout : context.stderr).write(chunk),
          context.signal,
        );
        return status;
      } finally {
        snapshots.discard(workspace);
      }
    } finally {
      progress.close();
    }
  },
};

async function openPlace(
  graph: Graph,
  wanted: string | undefined,
  services: OpenServices,
  say: (text: string) => void,
): Promise<Place> {
  const target = graph.targets[graph.requested[0]!]!;
  const stage = wanted?.toLowerCase();
  const op = stage === undefined ? target.op : target.stages.get(stage);
  if (op === undefined) {
    throw new BuildError('UNKNOWN_STAGE', `${target.name} needs no stage ${stage}`, {
      want: [...target.stages.keys()].join(', '),
    });
  }
  const name = stage ?? graph.ops[target.op]!.label.stage;
  const failed = readFailedStep(services.store, { target: target.name, stage: name });
  if (failed !== undefined) {
    const snapshot = failed.diffs.reduce(
      (base, diff) => services.snapshots.extend(base, diff),
      services.snapshots.scratch(),
    );
    if (services.snapshots.hasAll(snapshot)) {
      say(`the rootfs as the failed step left it: ${failed.text.split('\n', 1)[0]}\n`);
      return { snapshot, env: failed.env, cwd: failed.cwd, user: failed.user };
    }
  }
  const { layout, snapshots } = services;
  const assemble = createAssembler({ graph, layout, snapshots, profile: native, isReadOnly: false });
  const { results } = await solveOps(graph, [op], services, assemble);
  const run = lastRun(graph, op);
  return {
    snapshot: results.get(op)!.snapshot,
    env: run?.env ?? [],
    cwd: run?.cwd ?? '/',
    user: run?.user ?? '',
  };
}

/** The step whose environment a shell in this state has. */
function lastRun(graph: Graph, from: OpId): RunOp | undefined {
  for (let op = graph.ops[from]!; isLayerOp(op); op = graph.ops[op.base]!) {
    if (op.kind === 'run') return op;
  }
  return undefined;
}
