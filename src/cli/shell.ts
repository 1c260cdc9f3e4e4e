// Owns: `ocibuild shell`: a look into the rootfs of a stage, or of the step that failed there. Nothing done in it is kept.

import { native } from '../../oci/profile.ts';
import type { OpenServices } from '../build/services.ts';
import { BuildError } from '../errors.ts';
import { lower } from '../graph/lower.ts';
import { type Graph, isLayerOp, type RunOp, type StageEnd } from '../graph/op.ts';
import { createAssembler } from '../image/assemble.ts';
import type { Snapshot } from '../snapshot/types.ts';
import { type FailedStep, failedStepKey, readFailedStep } from '../solver/failed-step.ts';
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
  /** argv of what runs where the command line names nothing. */
  readonly command: readonly string[];
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
            args: args.trailing.length > 0 ? args.trailing : place.command,
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
  const name = wanted?.toLowerCase();
  const stage = name === undefined ? target.stage : target.stages.get(name);
  if (stage === undefined) {
    throw new BuildError('UNKNOWN_STAGE', `${target.name} needs no stage ${name}`, {
      want: [...target.stages.keys()].join(', '),
    });
  }
  const { layout, snapshots, store, watch } = services;
  const assemble = createAssembler({ graph, layout, snapshots, profile: native, isReadOnly: false, watch });
  const command = [stage.shell?.[0] ?? '/bin/sh'];
  const failed = readFailedStep(store, target.identity, stage.name);
  const step = failed === undefined ? undefined : findFailed(graph, stage, target.identity, failed);
  if (failed !== undefined && step !== undefined) {
    const snapshot = failed.diffs.reduce((base, diff) => snapshots.extend(base, diff), snapshots.scratch());
    const { results } = await solveOps(graph, [step.base], services, assemble);
    if (results.get(step.base)!.snapshot.id === failed.base && snapshots.hasAll(snapshot)) {
      say(`the rootfs as the failed step left it: ${failed.text.split('\n', 1)[0]}\n`);
      return { snapshot, env: failed.env, cwd: failed.cwd, user: failed.user, command };
    }
  }
  const { results } = await solveOps(graph, [stage.op], services, assemble);
  const { env, cwd, user } = stage;
  return { snapshot: results.get(stage.op)!.snapshot, env, cwd, user, command };
}

/** The step of the stage that the record is of; undefined when the stage has changed since. */
function findFailed(graph: Graph, stage: StageEnd, identity: string, failed: FailedStep): RunOp | undefined {
  for (let op = graph.ops[stage.op]!; isLayerOp(op); op = graph.ops[op.base]!) {
    if (op.label.stage !== stage.name) return undefined;
    if (op.kind === 'run' && op.identity === identity && failedStepKey(op, failed.base) === failed.key) return op;
  }
  return undefined;
}
